# SPDX-License-Identifier: GPL-2.0-only
"""`lp-manifest.toml`: made from a profile, read, checked, edited by people."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lp_build.config import Config, is_function
from lp_build.errors import LakePlacidError
from lp_build.formats import MANIFEST
from lp_build.manifest.classes import (
    Merge,
    Profile,
    Sources,
    arm_weights,
    merge_classes,
    merge_traces,
)
from lp_build.manifest.traces import ITERATION, REQUEST, Trace
from lp_build.model.sites import CONDITION_KINDS, Function, name_versions, unversioned
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HEAD = """\
# What LakePlacid takes for hot. Made by `lp manifest`; edit it and run `lp build`.
#   verdict: likely (the false arm is cold), unlikely (the true arm is cold), unknown (both hot)
#   hot: the arms of a switch that are hot; targets: what an indirect call was seen to call
#   true, false: requests that were seen to take the arm, of all that were traced
"""
_DIGEST = "# digest of what follows: "
_FUNCTION = re.compile(r"\s*\[\[\s*function\s*\]\]")
_TOP_TYPES: dict[str, type | tuple[type, ...]] = {
    "version": int,
    "request": str,
    "loop": str,
    "threshold": (int, float),
    "covered": (int, float),
    "programs": list,
    "function": list,
}
_FUNCTION_TYPES: dict[str, type] = {
    "name": str,
    "file": str,
    "line": int,
    "static": bool,
    "digest": str,
    "elite": bool,
    "sites": list,
}
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
    if not any(
        name in hot and is_function(config.request, f.file, f.name)
        for name, f in profile.functions.items()
    ):
        raise LakePlacidError(
            f"no request was seen in the traces: none of them is of `{config.request}` as it is now"
            f" ({profile.requests()} requests, of another function or of other sources)",
            remedy="build with `lp-wrap --phase scout` again and put the program under a typical "
            "load, or correct `request` in lp.toml",
        )
    _check_request(profile, config)
    both = _both_arms(profile, config)
    seen = {unversioned(arm) for c in profile.classes for arm in c.arms if arm.count(":") == 1}
    targets = _targets(profile)
    functions: dict[str, FunctionVerdicts] = {}
    for name, function in sorted(profile.functions.items()):
        looped = is_function(config.loop, function.file, function.name)
        elite = name in hot or (looped and profile.requests(ITERATION) > 0)
        # Of a source that is compiled in several versions all are told: one that is not here has
        # changed since.
        if elite or function.key in seen:
            arms = hot | both.get(name, frozenset())
            functions[name] = _function(name, function, arms, targets, elite)
    return Manifest(
        config.request, config.loop, config.threshold, merges[REQUEST].covered, functions
    )


def _check_request(profile: Profile, config: Config) -> None:
    """Raise LakePlacidError when requests were traced that are of another function: each of its own
    begins with the request function. What has changed since has no arms any more."""
    entries = {
        name for name, f in profile.functions.items() if is_function(config.request, f.file, f.name)
    }
    others = sum(c.count for c in profile.classes if c.kind == REQUEST and not c.arms & entries)
    if others and not profile.warnings:
        raise LakePlacidError(
            f"{others} of {profile.requests()} traced requests did not come to `{config.request}`: "
            "they are those of another function, which `request` named when the program was built",
            file="lp.toml",
            remedy="remove the traces, build from clean with `lp-wrap --phase scout` and put the "
            "program under a typical load again; or name the other function in `request`",
        )


def _both_arms(profile: Profile, config: Config) -> dict[str, frozenset[str]]:
    """All arms of the functions that lp.toml has under `unknown`, by name. Raises LakePlacidError
    for one that the program lacks."""
    found: dict[str, frozenset[str]] = {}
    for wanted in config.unknown:
        functions = {
            name: f for name, f in profile.functions.items() if is_function(wanted, f.file, f.name)
        }
        if not functions:
            raise LakePlacidError(
                f"`unknown` names `{wanted}`, which the scouted program lacks",
                file="lp.toml",
                remedy="name a function of its own C sources, as `name` or `file.c:name`",
            )
        for name, function in functions.items():
            arms = [f"{s.ordinal}:{arm.name}" for s in function.sites for arm in s.arms]
            found[name] = frozenset(f"{name}:{arm}" for arm in arms)
    return found


def target_names(profile: Profile) -> dict[tuple[str, str], str]:
    """Observed targets by site and symbol: functions' names where they are known, else as the
    symbol says, `?` where that is nothing."""
    by_name: dict[str, list[tuple[str, Function]]] = {}
    for version, function in profile.functions.items():
        by_name.setdefault(function.name, []).append((version, function))
    found: dict[tuple[str, str], str] = {}
    for target in profile.targets:
        file, _, name = target.symbol.rpartition(":")
        # A symbol with a file is a local one: static, or hidden from other files by the linker. Its
        # file is the unit's, and not the header's where an inline function may stand.
        known_as = by_name.get(name, [])
        matches = [(v, f) for v, f in known_as if f.static == bool(file)] or known_as
        same_file = [(v, f) for v, f in matches if Path(f.file).name == Path(file).name]
        matches = same_file or matches
        same_unit = [(v, f) for v, f in matches if Path(file).name in profile.units.get(v, ())]
        matches = same_unit or matches
        found[target.site, target.symbol] = matches[0][0] if len(matches) == 1 else name
    return found


def _targets(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Observed targets by site, the commonest first, as functions' names where they are known."""
    names = target_names(profile)
    counts: dict[str, Counter[str]] = {}
    for target in profile.targets:
        known = names[target.site, target.symbol]
        if known != "?":
            counts.setdefault(target.site, Counter())[known] += target.count
    return {site: tuple(k for k, _ in c.most_common()) for site, c in counts.items()}


def _function(
    version: str,
    function: Function,
    hot: frozenset[str],
    targets: Mapping[str, tuple[str, ...]],
    elite: bool,
) -> FunctionVerdicts:
    """The verdicts on a function that is called `version` in the profile."""
    conditions: dict[int, Verdict] = {}
    switches: dict[int, tuple[str, ...]] = {}
    called: dict[int, tuple[str, ...]] = {}
    for site in function.sites:
        name = f"{version}:{site.ordinal}"
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
    out = [f"version = {MANIFEST}", f"request = {_text(manifest.request)}"]
    if manifest.loop:
        out.append(f"loop = {_text(manifest.loop)}")
    out += [f"threshold = {manifest.threshold}", f"covered = {manifest.covered!r}"]
    if manifest.programs:
        out.append(f"programs = {_text(manifest.programs)}")
    for name, verdicts in manifest.functions.items():
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
        rows = _site_rows(name, verdicts, profile.functions[name], counts)
        out += ["sites = [", *rows, "]"] if rows else []
    body = "\n".join(out) + "\n"
    return f"{_HEAD}{_DIGEST}{_digest(body)}\n\n{body}"


def _digest(body: str) -> str:
    return hashlib.sha256(body.strip().encode()).hexdigest()[:16]


def is_edited(text: str) -> bool:
    """Tell whether a manifest's text is other than `format_manifest` wrote it."""
    _, mark, rest = text.partition(_DIGEST)
    digest, _, body = rest.partition("\n")
    return not mark or _digest(body) != digest.strip()


def _site_rows(
    version: str, verdicts: FunctionVerdicts, function: Function, counts: Mapping[str, int]
) -> list[str]:
    rows: list[str] = []
    for site in function.sites if verdicts.elite else ():
        name = f"{version}:{site.ordinal}"
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
    except UnicodeDecodeError as error:
        raise LakePlacidError(
            "not text in UTF-8",
            file=str(path),
            line=error.object[: error.start].count(b"\n") + 1,
            remedy="save it as UTF-8, or make it again with `lp manifest`",
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place.group(1)) if place else len(text.splitlines())
        raise LakePlacidError(
            f"not valid TOML: {error}", file=str(path), line=line, remedy="mend the syntax"
        ) from error
    return _Reader(path, text).manifest(data)


def load_counts(path: Path) -> dict[str, int]:
    """What a manifest that `load_manifest` has read says was counted: requests by arm, as
    `file:function:ordinal:arm`; the function as `Manifest` names it."""
    counts: dict[str, int] = {}
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("function", [])
    for row, function in zip(rows, load_manifest(path).functions, strict=True):
        for site in row.get("sites", []):
            for arm in ("true", "false"):
                if isinstance(site.get(arm), int):
                    counts[f"{function}:{site['site']}:{arm}"] = site[arm]
    return counts


class _Reader:
    """Checks what was parsed; knows the lines to blame."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.rows = text.splitlines()
        self.heads = [n for n, row in enumerate(self.rows) if _FUNCTION.match(row)]

    def fail(
        self, message: str, remedy: str, *near: str, function: int | None = None
    ) -> LakePlacidError:
        """An error at the first line that holds `near`: of the text before the first function, or
        of the `function`-th one. The last of `near` is the line; those before it lead there."""
        # Functions written in another way than ours have no head of their own to look below.
        known = function is not None and function < len(self.heads)
        line = self.heads[function] if known and function is not None else 0
        end = next((n for n in self.heads if n > line), len(self.rows))
        for text in near:
            line = next((n for n in range(line, end) if text in self.rows[n]), line)
        return LakePlacidError(message, file=str(self.path), line=line + 1, remedy=remedy)

    def manifest(self, data: dict[str, Any]) -> Manifest:
        if data.get("version") != MANIFEST:
            raise self.fail(
                f"a manifest of version {data.get('version')!r}, where this tool reads {MANIFEST}",
                "make it again with `lp manifest`",
                "version =",
            )
        for key, value in data.items():
            if key not in _TOP_TYPES:
                raise self.fail(f"unknown key `{key}`", f"known are: {', '.join(_TOP_TYPES)}", key)
            if not _is(value, _TOP_TYPES[key]):
                raise self.fail(f"`{key}` has the wrong type", "make it again", f"{key} =")
        functions: list[FunctionVerdicts] = []
        known: set[tuple[str, str]] = set()
        for number, row in enumerate(data.get("function", [])):
            if not isinstance(row, dict):
                raise self.fail("`function` holds something else", "make it again", "function")
            verdicts = self.function(row, number)
            if (verdicts.key, verdicts.digest) in known:
                raise self.fail(
                    f"{verdicts.key} stands here twice with one digest",
                    "remove one",
                    "name",
                    function=number,
                )
            known.add((verdicts.key, verdicts.digest))
            functions.append(verdicts)
        names = name_versions(functions)
        return Manifest(
            data.get("request", ""),
            data.get("loop"),
            float(data.get("threshold", 0)),
            float(data.get("covered", 0)),
            {names[verdicts.key, verdicts.digest]: verdicts for verdicts in functions},
            _names(data.get("programs", []), "programs", self.fail),
        )

    def function(self, row: dict[str, Any], number: int) -> FunctionVerdicts:
        for key, value in row.items():
            if key not in _FUNCTION_TYPES:
                raise self.fail(f"unknown key `{key}`", "remove it", key, function=number)
            if not _is(value, _FUNCTION_TYPES[key]):
                raise self.fail(
                    f"`{key}` of a function has the wrong type",
                    f"give a {_FUNCTION_TYPES[key].__name__}",
                    f"{key} =",
                    function=number,
                )
        for key in _FUNCTION_TYPES:
            if key not in row and key != "sites":
                raise self.fail(f"a function lacks `{key}`", "make it again", function=number)
        conditions: dict[int, Verdict] = {}
        switches: dict[int, tuple[str, ...]] = {}
        targets: dict[int, tuple[str, ...]] = {}
        for site in row.get("sites", []):
            if not isinstance(site, dict):
                raise self.fail(
                    "a site that is no table", "make it again", "sites", function=number
                )
            ordinal = site.get("site")
            if ordinal in (*conditions, *switches, *targets):
                raise self.fail(
                    f"site {ordinal} stands here twice",
                    "remove one",
                    f"site = {ordinal},",
                    function=number,
                )
            self.site(site, number, conditions, switches, targets)
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
        number: int,
        conditions: dict[int, Verdict],
        switches: dict[int, tuple[str, ...]],
        targets: dict[int, tuple[str, ...]],
    ) -> None:
        def fail(message: str, remedy: str) -> LakePlacidError:
            near = f"site = {site.get('site')},"
            return self.fail(message, remedy, "sites", near, function=number)

        for key in site:
            if key not in _SITE_KEYS:
                raise fail(f"unknown key `{key}` of a site", "remove it")
        ordinal, kind = site.get("site"), site.get("kind")
        if not _is(ordinal, int) or not isinstance(ordinal, int):
            raise fail("a site without its number", "make it again")
        if kind == "icall":
            targets[ordinal] = _names(site.get("targets", []), "targets", fail)
        elif kind == "switch":
            switches[ordinal] = _names(site.get("hot", []), "hot", fail)
        elif kind in CONDITION_KINDS:
            verdict = site.get("verdict")
            if verdict not in [known.value for known in Verdict]:
                raise fail(f"no such verdict: {verdict!r}", "one of: likely, unlikely, unknown")
            conditions[ordinal] = Verdict(verdict)
        else:
            raise fail(f"no such kind of site: {kind!r}", "make it again")


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    """`isinstance`, but true and false are no numbers."""
    return isinstance(value, kind) and (not isinstance(value, bool) or kind is bool)


def _names(value: object, key: str, fail: Callable[[str, str], LakePlacidError]) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise fail(f"`{key}` is no list of names", f'write {key} = ["…", "…"]')


def check_sites(manifest: Manifest, current: Sources, path: Path) -> None:
    """Raise LakePlacidError for a verdict on a site or an arm that its function doesn't have."""
    reader = _Reader(path, path.read_text(encoding="utf-8"))
    for number, verdicts in enumerate(manifest.functions.values()):
        function = current.get(verdicts.key, {}).get(verdicts.digest)
        if function is None:
            continue
        sites = {site.ordinal: site for site in function.sites}

        def fail(ordinal: int, message: str, remedy: str, number: int = number) -> LakePlacidError:
            return reader.fail(message, remedy, f"site = {ordinal},", function=number)

        kinds = (
            *((ordinal, CONDITION_KINDS) for ordinal in verdicts.conditions),
            *((ordinal, ("switch",)) for ordinal in verdicts.switches),
            *((ordinal, ("icall",)) for ordinal in verdicts.targets),
        )
        for ordinal, kind in kinds:
            if ordinal not in sites:
                has = f"its sites are 0 to {len(sites) - 1}" if sites else "it has none: remove it"
                raise fail(ordinal, f"{verdicts.key} has no site {ordinal}", has)
            if sites[ordinal].kind not in kind:
                raise fail(
                    ordinal,
                    f"site {ordinal} of {verdicts.key} is of another kind",
                    f'write kind = "{sites[ordinal].kind}"',
                )
        for ordinal, hot in verdicts.switches.items():
            names = [arm.name for arm in sites[ordinal].arms]
            for arm in hot:
                if arm not in names:
                    raise fail(
                        ordinal,
                        f"site {ordinal} of {verdicts.key} has no arm `{arm}`",
                        f"its arms are: {', '.join(names)}",
                    )
