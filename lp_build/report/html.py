# SPDX-License-Identifier: GPL-2.0-only
"""A Report as one HTML file that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import jinja2
from markupsafe import Markup

from lp_build.errors import LakePlacidError
from lp_build.forecast.text import share_text
from lp_build.report.model import STATES, FileView, LineView, Report
from lp_build.report.pictures import STRIP, Flow, Outcome, Strip, flow, strip
from lp_build.report.source import read_lines
from lp_build.resources import resource_dir
from lp_build.statistics import Run, by_line

TEMPLATE = "report.html.j2"
_SHOWN = 9  # places where Elite was left, each with a ribbon of its own
_FOLD = 10  # lines that no request came to: so many in a row are folded
_LINES = 7000  # of source that a report shows at most: some 200 bytes each
_NAMES = 500  # functions that no request came to, of which a report tells the names
_CONTEXT = 2  # of which these stay at each end
_TAB = 8


@dataclass(frozen=True)
class Segment:
    """Lines one after another. folded: shown on demand; left_out: only how many there are."""

    lines: tuple[LineView, ...]
    folded: bool
    left_out: bool = False


@dataclass(frozen=True)
class Panel:
    """The picture for one run, or for the traces."""

    id: str
    label: str
    run: Run | None
    flow: Flow
    total: int
    others: int


def render_report(report: Report, root: Path) -> str:
    """The file's text. root: the project's, for the source lines that pictures quote. Raises
    LakePlacidError for a template that is broken."""
    folder = resource_dir("templates")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = _Texts(root)
    source = _lay_out(report)
    place = _places(source)
    most = max((line.hits for file in report.files for line in file.lines), default=0)
    strips = [strip(file, texts.columns(file.name), most) for file in report.files if file.lines]
    environment.filters.update(
        number=lambda value: f"{value:,}", share=_share, bytes=_bytes, plural=_plural
    )
    environment.globals.update(
        place=place,
        share_text=share_text,
        source=source,
        NAMES=_NAMES,
        STATES=STATES,
        tool_version=version("lakeplacid"),
    )
    try:
        return environment.get_template(TEMPLATE).render(
            report=report,
            panels=_panels(report, texts, place),
            strips=_worth_drawing(strips),
            strip_width=STRIP,
            by_line=by_line(report.total.deopts) if report.total else [],
            texts=texts,
            shown_functions=[f for f in report.functions if f.state != "unseen"],
            data=_data(report),
            css=Markup((folder / "report.css").read_text(encoding="utf-8")),
            js=Markup((folder / "report.js").read_text(encoding="utf-8")),
        )
    except jinja2.TemplateError as error:
        raise LakePlacidError(
            f"the report's template cannot be rendered: {error}",
            file=TEMPLATE,
            line=getattr(error, "lineno", None),
            remedy="this is a defect of LakePlacid or of a changed template",
        ) from error


# -- words ---------------------------------------------------------------------------------------


def _share(value: float) -> str:
    """A share in per cent; a little is not shown as nothing, nor nearly all as all."""
    if 0 < value < 0.0001:
        return "< 0.01 %"
    if 0.9999 < value < 1:
        return "> 99.99 %"
    return f"{value * 100:.4g} %" if value >= 0.1 else f"{value * 100:.2g} %"


def _bytes(value: int) -> str:
    return f"{value:,} B" if value < 10_000 else f"{value / 1024:,.1f} KiB"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


class _Texts:
    """Lines of the project's source files, read once each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, list[str]] = {}

    def _lines(self, file: str) -> list[str]:
        if file not in self._files:
            try:
                self._files[file] = read_lines(self._root / file)
            except OSError:  # the report says of the file itself that it can't be read
                self._files[file] = []
        return self._files[file]

    def line(self, file: str, number: int) -> str:
        """A line without the blanks around it; "" where there is none."""
        lines = self._lines(file)
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def columns(self, file: str) -> dict[int, tuple[int, int]]:
        """The first column with text, and the one behind the last, of each line."""
        found = {}
        for number, line in enumerate(self._lines(file), 1):
            wide = line.expandtabs(_TAB).rstrip()
            found[number] = (len(wide) - len(wide.lstrip()), len(wide))
        return found


# -- places --------------------------------------------------------------------------------------


def _places(source: Mapping[str, Sequence[Segment]]) -> Callable[[str, int], str]:
    """A function that gives the fragment (`#…`) of a line in this report, "" where it isn't."""
    numbers = {
        file: (index, {n.number for s in segments if not s.left_out for n in s.lines})
        for index, (file, segments) in enumerate(source.items())
    }

    def place(file: str, line: int) -> str:
        index, known = numbers.get(file, (0, set()))
        return f"#f{index}-{line}" if line in known else ""

    return place


def _lay_out(report: Report) -> dict[str, list[Segment]]:
    """The files' lines. A browser opens a page of some megabytes slowly: of a large program, lines
    that no request came to are left out; if that is not enough, all but Elite's and those with
    deopts; and then of Elite's functions those that fewest requests came to."""
    files = report.files
    if sum(len(file.lines) for file in files) <= _LINES:
        return {file.name: _segments(file, _is_quiet, left_out=False) for file in files}
    for quiet in (_is_quiet, _is_not_hot):
        found = {file.name: _segments(file, quiet, left_out=True) for file in files}
        if _shown(found) <= _LINES:
            return found
    left = _LINES
    kept: set[str] = set()
    for function in sorted(report.functions, key=lambda f: (-f.hits, -f.requests, f.key)):
        left -= max(function.last - function.line + 1, 1)
        if left < 0:
            break
        kept.add(function.key)
    return {file.name: _segments(file, _outside_of(file, kept), left_out=True) for file in files}


def _shown(source: Mapping[str, Sequence[Segment]]) -> int:
    return sum(len(s.lines) for segments in source.values() for s in segments if not s.left_out)


def _is_quiet(line: LineView) -> bool:
    return not line.state and not line.hits


def _is_not_hot(line: LineView) -> bool:
    return line.state != "hot" and not line.hits


def _outside_of(file: FileView, kept: Set[str]) -> Callable[[LineView], bool]:
    """Whether a line is neither hot in these functions nor has deopts."""
    inside = {
        number
        for function in file.functions
        if function.key in kept
        for number in range(function.line, function.last + 1)
    }
    return lambda line: not line.hits and (line.state != "hot" or line.number not in inside)


def _segments(
    file: FileView, quiet: Callable[[LineView], bool], *, left_out: bool
) -> list[Segment]:
    """The file's lines, with long stretches of quiet ones folded, or left out."""
    found: list[Segment] = []
    start = 0
    lines = file.lines
    for first, last in _quiet(lines, quiet):
        if last - first < _FOLD:
            continue
        head = first + (_CONTEXT if first else 0)
        tail = last - (_CONTEXT if last < len(lines) else 0)
        if head > start:
            found.append(Segment(lines[start:head], False))
        found.append(Segment(lines[head:tail], True, left_out))
        start = tail
    if start < len(lines):
        found.append(Segment(lines[start:], False))
    return found


def _quiet(
    lines: Sequence[LineView], quiet: Callable[[LineView], bool]
) -> Iterable[tuple[int, int]]:
    """Runs [first, last) of quiet lines."""
    first = None
    for index, line in enumerate(lines):
        if quiet(line) and first is None:
            first = index
        elif not quiet(line) and first is not None:
            yield first, index
            first = None
    if first is not None:
        yield first, len(lines)


def _worth_drawing(strips: Sequence[Strip]) -> list[Strip]:
    """Strips of files with Elite code or with deopts, those with most Elite code first; before
    anything is Elite, of files with code that a request came to."""

    def rank(one: Strip) -> tuple[bool, int]:
        hot = sum(line.state == "hot" for line in one.file.lines)
        return not hot, -hot

    hot = [s for s in strips if s.dots or any(line.state == "hot" for line in s.file.lines)]
    return sorted(hot or (s for s in strips if len(s.paths) > 1), key=rank)


# -- the picture of requests ---------------------------------------------------------------------


def _panels(report: Report, texts: _Texts, place: Callable[[str, int], str]) -> list[Panel]:
    """A picture of each run, the sum of several first; without runs, one of what traces say."""
    runs = list(report.runs)
    if len(runs) > 1 and report.total:
        runs.insert(0, report.total)
    if runs:
        return [_run_panel(n, run, texts, place) for n, run in enumerate(runs)]
    return [_class_panel(report, texts, place)] if report.classes else []


def _run_panel(number: int, run: Run, texts: _Texts, place: Callable[[str, int], str]) -> Panel:
    lines = by_line(run.deopts)
    outcomes = [Outcome("elite", run.finished, "finished in Elite", "", "")]
    left = max(run.requests - run.finished, 0)
    for row in lines[:_SHOWN]:
        title = f"{row.file.rpartition('/')[2]}:{row.line}"
        text = texts.line(row.file, row.line)
        outcomes.append(Outcome("deopt", row.hits, title, text, place(row.file, row.line)))
    rest = lines[_SHOWN:]
    if rest:
        hits = sum(row.hits for row in rest)
        detail = "in the table below"
        outcomes.append(Outcome("rest", hits, f"{_plural(len(rest), 'more line')}", detail, ""))
    told = sum(row.hits for row in lines)
    if left > told:
        # A request that is still under way has left nowhere.
        outcomes.append(Outcome("rest", left - told, "under way at the end", "", ""))
    return Panel(
        f"run-{number}", run.label, run, flow(outcomes, max(run.requests, 1)), run.requests, 0
    )


def _class_panel(report: Report, texts: _Texts, place: Callable[[str, int], str]) -> Panel:
    classes = report.classes[0]
    covered = sum(row.gain for row in classes.rows if row.chosen)
    outcomes = [Outcome("elite", covered, "would finish in Elite", "", "")]
    before = covered
    for row in [row for row in classes.rows if not row.chosen][:_SHOWN]:
        before += row.gain
        file, line = row.places[0] if row.places else ("", 0)
        title = f"class {row.number}" + (f", {file.rpartition('/')[2]}:{line}" if file else "")
        text = texts.line(file, line)
        outcomes.append(Outcome("rest", row.gain, title, text, place(file, line)))
    if classes.total > before:
        outcomes.append(Outcome("rest", classes.total - before, "all other classes", "", ""))
    return Panel("traces", "traces", None, flow(outcomes, classes.total), classes.total, 0)


# -- data for the script -------------------------------------------------------------------------


def _data(report: Report) -> Markup:
    """What the script needs: the arms of each class. As JSON that can stand in HTML."""
    classes = {
        f"{kind}-{row.number}": row.arms
        for kind, found in enumerate(report.classes)
        for row in found.rows
    }
    text = json.dumps({"classes": classes}, separators=(",", ":"))
    return Markup(re.sub(r"[<>&]", lambda match: f"\\u{ord(match.group()):04x}", text))
