"""`lp-manifest.toml`: made from a profile, read, checked, edited by people."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lp_build.config import Config, is_function
from lp_build.errors import LakePlacidError
from lp_build.profile.classes import (
    Merge,
    Profile,
    Sources,
    arm_weights,
    merge_classes,
    merge_traces,
)
from lp_build.profile.traces import ITERATION, REQUEST, Trace
from lp_build.profile.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.source.model import CONDITION_KINDS, Function

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = 1
_HEAD = """\
# What LakePlacid takes for hot. Made by `lp manifest`; edit it and run `lp build`.
#   verdict: likely (the false arm is cold), unlikely (the true arm is cold), unknown (both hot)
#   hot: the arms of a switch that are hot; targets: what an indirect call was seen to call
#   true, false: requests that were seen to take the arm, of all that were traced
"""
_FUNCTION_KEYS = frozenset("name file line static digest elite sites".split())
_SITE_KEYS = frozenset("site kind at verdict hot targets true false".split())


def make_manifest(
    traces: Sequence[Trace], config: Config, current: Sources | None = None
) -> Manifest:
    """Traces to a manifest: the whole of `lp manifest` but for files."""
    profile = merge_traces(traces, current)
    return manifest_from(profile, config, merge_profile(profile, config.threshold))


def merge_profile(profile: Profile, threshold: float) -> dict[int, Merge]:
    """The greedy merge for requests and for iterations of the loop."""
    weights = arm_weights(profile.functions)
    return {
        kind: merge_classes(profile.classes, weights, threshold, kind)
        for kind in (REQUEST, ITERATION)
    }


def manifest_from(profile: Profile, config: Config, merges: Mapping[int, Merge]) -> Manifest:
    """Decide. Raises LakePlacidError when no request was seen."""
    if profile.requests() == 0:
        raise LakePlacidError(
            f"no request was seen in the traces: `{config.request}` was never called, or the "
            "program ended before it returned",
            remedy="put the scouted program under a typical load, or correct `request` in lp.toml",
        )
    hot = merges[REQUEST].hot | merges[ITERATION].hot
    seen = frozenset().union(*(c.arms for c in profile.classes))
    targets = _targets(profile)
    functions: dict[str, FunctionVerdicts] = {}
    for key, function in sorted(profile.functions.items()):
        looped = is_function(config.loop, function.file, function.name)
        elite = key in hot or (looped and profile.requests(ITERATION) > 0)
        if elite or key in seen:
            functions[key] = _function(function, hot, targets, elite)
    return Manifest(
        config.request, config.loop, config.threshold, merges[REQUEST].covered, functions
    )


def _targets(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Observed targets by site, the commonest first, as function keys where they are known."""
    by_name: dict[str, list[Function]] = {}
    for function in profile.functions.values():
        by_name.setdefault(function.name, []).append(function)
    counts: dict[str, Counter[str]] = {}
    for target in profile.targets:
        file, _, name = target.symbol.rpartition(":")
        matches = [
            f for f in by_name.get(name, []) if not file or Path(f.file).name == Path(file).name
        ]
        known = matches[0].key if len(matches) == 1 else name
        if known != "?":
            counts.setdefault(target.site, Counter())[known] += target.count
    return {site: tuple(k for k, _ in c.most_common()) for site, c in counts.items()}


def _function(
    function: Function, hot: frozenset[str], targets: Mapping[str, tuple[str, ...]], elite: bool
) -> FunctionVerdicts:
    conditions: dict[int, Verdict] = {}
    switches: dict[int, tuple[str, ...]] = {}
    called: dict[int, tuple[str, ...]] = {}
    for site in function.sites:
        name = f"{function.key}:{site.ordinal}"
        taken = tuple(arm.name for arm in site.arms if f"{name}:{arm.name}" in hot)
        if site.kind == "icall":
            called[site.ordinal] = targets.get(name, ())
        elif site.kind == "switch":
            switches[site.ordinal] = taken
        else:
            conditions[site.ordinal] = _verdict(taken)
    return FunctionVerdicts(
        function.file,
        function.name,
        function.digest,
        function.line,
        function.static,
        elite,
        conditions if elite else {},
        switches if elite else {},
        called if elite else {},
    )


def _verdict(taken: tuple[str, ...]) -> Verdict:
    if taken == ("true",):
        return Verdict.LIKELY
    if taken == ("false",):
        return Verdict.UNLIKELY
    return Verdict.UNKNOWN


# -- the file --------------------------------------------------------------------------------


def _text(value: str | tuple[str, ...]) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def format_manifest(manifest: Manifest, profile: Profile) -> str:
    """The manifest as TOML, with what was counted beside each verdict."""
    counts: Counter[str] = Counter()
    for item in profile.classes:
        for arm in item.arms:
            counts[arm] += item.count
    out = [_HEAD, f"version = {VERSION}", f"request = {_text(manifest.request)}"]
    if manifest.loop:
        out.append(f"loop = {_text(manifest.loop)}")
    out += [f"threshold = {manifest.threshold}", f"covered = {manifest.covered!r}"]
    for key, verdicts in manifest.functions.items():
        out += [
            "",
            "[[function]]",
            f"name = {_text(verdicts.name)}",
            f"file = {_text(verdicts.file)}",
            f"line = {verdicts.line}",
            f"static = {str(verdicts.static).lower()}",
            f"digest = {_text(verdicts.digest)}",
            f"elite = {str(verdicts.elite).lower()}",
        ]
        rows = _site_rows(verdicts, profile.functions[key], counts)
        out += ["sites = [", *rows, "]"] if rows else []
    return "\n".join(out) + "\n"


def _site_rows(
    verdicts: FunctionVerdicts, function: Function, counts: Mapping[str, int]
) -> list[str]:
    rows: list[str] = []
    for site in function.sites if verdicts.elite else ():
        name = f"{function.key}:{site.ordinal}"
        head = f'site = {site.ordinal}, kind = "{site.kind}", at = "{site.line}:{site.column}"'
        if site.kind == "icall":
            tail = f"targets = {_text(verdicts.targets[site.ordinal])}"
        elif site.kind == "switch":
            tail = f"hot = {_text(verdicts.switches[site.ordinal])}"
        else:
            true, false = counts.get(f"{name}:true", 0), counts.get(f"{name}:false", 0)
            verdict = verdicts.conditions[site.ordinal].value
            tail = f'verdict = "{verdict}", true = {true}, false = {false}'
        rows.append(f"  {{ {head}, {tail} }},")
    return rows


def load_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises LakePlacidError, naming file, line and remedy, for a missing file,
    broken TOML, unknown keys and verdicts that don't exist."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LakePlacidError(
            f"cannot read the manifest: {error.strerror}",
            file=str(path),
            remedy="run the scouted program under a typical load, then `lp manifest`",
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LakePlacidError(
            f"not valid TOML: {error}", file=str(path), remedy="mend the syntax"
        ) from error
    return _Reader(path, text).manifest(data)


def load_counts(path: Path) -> dict[str, int]:
    """What a manifest that `load_manifest` has read says was counted: requests by arm, as
    `file:function:ordinal:arm`."""
    counts: dict[str, int] = {}
    for function in tomllib.loads(path.read_text(encoding="utf-8")).get("function", []):
        for site in function.get("sites", []):
            for arm in ("true", "false"):
                if isinstance(site.get(arm), int):
                    name = f"{function['file']}:{function['name']}:{site['site']}:{arm}"
                    counts[name] = site[arm]
    return counts


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.rows = text.splitlines()

    def fail(self, message: str, remedy: str, *near: str) -> LakePlacidError:
        """An error at the first line, from the last found on, that holds each of `near`."""
        line = 0
        for text in near:
            line = next((n for n in range(line, len(self.rows)) if text in self.rows[n]), line)
        return LakePlacidError(message, file=str(self.path), line=line + 1, remedy=remedy)

    def manifest(self, data: dict[str, Any]) -> Manifest:
        if data.get("version") != VERSION:
            raise self.fail(
                f"a manifest of version {data.get('version')!r}, where this tool reads {VERSION}",
                "make it again with `lp manifest`",
                "version",
            )
        known = {"version", "request", "loop", "threshold", "covered", "function"}
        for key in data:
            if key not in known:
                raise self.fail(f"unknown key `{key}`", f"known are: {', '.join(known)}", key)
        functions = [self.function(row) for row in data.get("function", [])]
        return Manifest(
            str(data.get("request", "")),
            data.get("loop"),
            float(data.get("threshold", 0)),
            float(data.get("covered", 0)),
            {f.key: f for f in functions},
        )

    def function(self, row: dict[str, Any]) -> FunctionVerdicts:
        name = f'name = "{row.get("name")}"'
        for key in row:
            if key not in _FUNCTION_KEYS:
                raise self.fail(f"unknown key `{key}`", "remove it", name, key)
        for key in _FUNCTION_KEYS - {"sites"}:
            if key not in row:
                raise self.fail(f"a function lacks `{key}`", "make it again", name)
        conditions: dict[int, Verdict] = {}
        switches: dict[int, tuple[str, ...]] = {}
        targets: dict[int, tuple[str, ...]] = {}
        for site in row.get("sites", []):
            self.site(site, name, conditions, switches, targets)
        return FunctionVerdicts(
            row["file"],
            row["name"],
            row["digest"],
            row["line"],
            row["static"],
            row["elite"],
            conditions,
            switches,
            targets,
        )

    def site(
        self,
        site: dict[str, Any],
        name: str,
        conditions: dict[int, Verdict],
        switches: dict[int, tuple[str, ...]],
        targets: dict[int, tuple[str, ...]],
    ) -> None:
        where = (name, f"site = {site.get('site')},")
        for key in site:
            if key not in _SITE_KEYS:
                raise self.fail(f"unknown key `{key}` of a site", "remove it", *where)
        ordinal, kind = site.get("site"), site.get("kind")
        if not isinstance(ordinal, int):
            raise self.fail("a site without its number", "make it again", name)
        if kind == "icall":
            targets[ordinal] = tuple(site.get("targets", ()))
        elif kind == "switch":
            switches[ordinal] = tuple(site.get("hot", ()))
        elif kind in CONDITION_KINDS:
            try:
                conditions[ordinal] = Verdict(site.get("verdict"))
            except ValueError as error:
                raise self.fail(
                    f"no such verdict: {site.get('verdict')!r}",
                    "one of: likely, unlikely, unknown",
                    *where,
                ) from error
        else:
            raise self.fail(f"no such kind of site: {kind!r}", "make it again", *where)


def check_sites(manifest: Manifest, current: Sources, path: Path) -> None:
    """Raise LakePlacidError for a verdict on a site that its function doesn't have."""
    reader = _Reader(path, path.read_text(encoding="utf-8"))
    for verdicts in manifest.functions.values():
        function = current.get(verdicts.key, {}).get(verdicts.digest)
        if function is None:
            continue
        sites = {site.ordinal: site for site in function.sites}
        for ordinal in (*verdicts.conditions, *verdicts.switches, *verdicts.targets):
            if ordinal not in sites:
                raise reader.fail(
                    f"{verdicts.key} has no site {ordinal}",
                    f"its sites are 0 to {len(sites) - 1}",
                    f'name = "{verdicts.name}"',
                    f"site = {ordinal},",
                )
        for ordinal, hot in verdicts.switches.items():
            names = [arm.name for arm in sites[ordinal].arms]
            for arm in hot:
                if arm not in names:
                    raise reader.fail(
                        f"site {ordinal} of {verdicts.key} has no arm `{arm}`",
                        f"its arms are: {', '.join(names)}",
                        f'name = "{verdicts.name}"',
                        f"site = {ordinal},",
                    )
