# SPDX-License-Identifier: GPL-2.0-only
"""What `lp top` shows of a View: a screen of rich's, or a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lp_build.top.watch import View

_BARS = "▁▂▃▄▅▆▇█"
_BAR = 24  # characters of the bar of shares
_AROUND = 9  # lines of the screen that are not the table's


def screen(view: View, history: Sequence[float], height: int, source: Sources) -> RenderableType:
    """The whole screen; history: requests a second, the latest last; height: its lines."""
    total = view.total
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("requests", _requests(view, history))
    facts.add_row("in Elite", _elite(view))
    facts.add_row("slots", _used(total.slots_used, total.slots, total.slots_most, total.slot_waits))
    if total.ring_used is not None:
        ring = _used(total.ring_used, total.ring, total.ring_most, total.ring_waits)
        ring.append(f", {total.queued:,} queued so far", style="dim")
        facts.add_row("ring", ring)
    if total.shut_out:
        facts.add_row("shut out", Text(_shut_out(view), style="red"))
    return Group(_title(view), facts, Text(), _deopts(view, max(3, height - _AROUND), source))


def line(view: View) -> str:
    """The same in one line, for what is no terminal."""
    total = view.total
    parts = [
        f"{view.rate:,.0f} requests/s",
        f"{_percent(view.share)} in Elite",
        f"{total.slots_used}/{total.slots} slots",
    ]
    if total.ring_used is not None:
        parts.append(f"{total.ring_used}/{total.ring} in the ring")
    if view.total.shut_out:
        parts.append(_shut_out(view))
    worst = [one for one in view.lines if one.rate][:1]
    parts += [f"most deopts at {w.place.file}:{w.place.line} ({w.rate:,.0f}/s)" for w in worst]
    return "  ".join(parts)


class Sources:
    """Lines of source files, where they can be found below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, list[str]] = {}

    def line(self, file: str, number: int) -> str:
        """A line without its indentation; "" where the file is not to be had."""
        if file not in self._files:
            try:
                text = (self._root / file).read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            self._files[file] = text.splitlines()
        lines = self._files[file]
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _title(view: View) -> Text:
    number = len(view.pids)
    who = f"process {view.pids[0]}" if number == 1 else f"{number} processes"
    where = view.total.elite or "starting"
    title = Text.assemble(
        (os.path.basename(view.program), "bold reverse"),
        f"  {who}, Elite {where}, {view.total.mode} mode",
    )
    if view.total.elite == "off":
        title.append("  (start it with LP_ELITE=inprocess)", style="yellow")
    return title


def _requests(view: View, history: Sequence[float]) -> Text:
    most = max(history, default=0.0) or 1.0
    bars = "".join(_BARS[min(len(_BARS) - 1, int(v / most * len(_BARS)))] for v in history)
    return Text.assemble(
        (f"{view.rate:>10,.0f} /s  ", "green"),
        (bars, "cyan"),
        (f"  {view.total.requests:,} so far", "dim"),
    )


def _elite(view: View) -> Text:
    share = view.share
    style = "green" if share is None or share >= 0.9 else "yellow" if share >= 0.5 else "red"
    full = round((share or 0.0) * _BAR)
    return Text.assemble(
        (f"{_percent(share):>10}     ", style),
        ("█" * full, style),
        ("░" * (_BAR - full), "dim"),
        (f"  {_percent(view.total_share)} so far", "dim"),
    )


def _shut_out(view: View) -> str:
    """Which threads are not in the kernel, and why."""
    count = view.total.shut_out
    threads = "1 thread stays" if count == 1 else f"{count:,} threads stay"
    return f"{threads} in user space: {view.total.why}"


def _used(used: int, count: int, most: int, waits: int) -> Text:
    return Text.assemble(
        (f"{used:>10,}     of {count:,} in use", "red" if used >= count else ""),
        (f", at most {most:,}, ", "dim"),
        (f"{waits:,} waits", "red" if waits else "dim"),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _deopts(view: View, rows: int, source: Sources) -> RenderableType:
    if not view.lines:
        return Text("no deopts", style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("deopts/s", justify="right", no_wrap=True)
    table.add_column("all", justify="right", no_wrap=True)
    table.add_column("left Elite at", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
    for one in view.lines[:rows]:
        style = "" if one.rate else "dim"
        place = one.place
        table.add_row(
            Text(f"{one.rate:,.0f}", style=style),
            Text(f"{place.hits:,}", style=style),
            Text(f"{place.file}:{place.line}", style=style or "yellow"),
            Text(source.line(place.file, place.line)),
        )
    if len(view.lines) > rows:
        table.add_row("", "", Text(f"… {len(view.lines) - rows} more lines", style="dim"), "")
    return table
