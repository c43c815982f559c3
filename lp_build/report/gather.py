# SPDX-License-Identifier: GPL-2.0-only
"""From what a build, traces, the manifest and runs left, to a Report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lp_build.compile.extents import FunctionLines, find_lines
from lp_build.compile.specialize import description
from lp_build.config import Config, is_function, load_config
from lp_build.errors import LakePlacidError
from lp_build.forecast.collect import has_units_only, make_forecast, remembered_traces
from lp_build.forecast.model import PLACES, Forecast
from lp_build.layout import BuildDir
from lp_build.manifest.classes import Merge, Profile, Sources, merge_traces, seen_too_little
from lp_build.manifest.manifest import load_counts, load_manifest, manifest_from, merge_profile
from lp_build.manifest.traces import ITERATION, REQUEST, read_traces
from lp_build.model.sites import Function, function_of, name_versions, unversioned
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.report.model import (
    ArmView,
    Classes,
    ClassRow,
    EliteCode,
    FunctionView,
    Note,
    Report,
    SiteView,
    Stage,
)
from lp_build.report.sizes import Size, function_sizes
from lp_build.report.source import Source, lay_out
from lp_build.statistics import OFF, Run, sum_runs
from lp_build.store.capture import Unit, captured_functions, load_sites, load_units
from lp_build.store.plan import Choice, make_plan
from lp_build.store.problems import load_report

SHOWN = 60  # classes; the rest is summed up
_PLACES = 6  # of what a class adds
_OFF = 0.05  # share by which a run is another than what was scouted


@dataclass
class _Material:
    """What was found, before it is put in order. functions: by name, as captured, else as a trace
    saw them. names: of functions by key and digest (see `name_versions`)."""

    build: BuildDir
    config: Config
    units: Sequence[Unit]
    sources: Sources
    profile: Profile | None
    merges: Mapping[int, Merge]
    manifest: Manifest | None
    proposed: bool
    counts: Mapping[str, int]
    functions: Mapping[str, Function]
    names: Mapping[tuple[str, str], str]
    built: bool = False
    code: dict[str, EliteCode] = field(default_factory=dict)  # by function name
    rejected: dict[str, str] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)  # names of functions in units with Elite code

    def verdicts(self, name: str) -> FunctionVerdicts | None:
        """The manifest's entry for a function, be it of another text than it has now."""
        decided = self.manifest.functions if self.manifest else {}
        function = self.functions.get(name)
        known = self.manifest.named(function) if self.manifest and function else name
        if known is not None:
            return decided.get(known)
        return self._by_key.get(unversioned(name))

    @cached_property
    def _by_key(self) -> dict[str, FunctionVerdicts]:
        """Entries of the manifest, an Elite one where there are several."""
        entries = self.manifest.functions.values() if self.manifest else ()
        return {entry.key: entry for entry in sorted(entries, key=lambda entry: entry.elite)}


def gather(build: BuildDir, traces: Sequence[Path], runs: Sequence[Run]) -> Report:
    """All that there is to report. traces: files and folders; none: those of `.lp/traces`.

    Raises LakePlacidError when there is nothing at all, and for anything damaged.
    """
    config = load_config(build.config)
    units = load_units(build)
    material = _material(build, config, units, traces)
    if not units and not material.profile and not material.manifest:
        raise LakePlacidError(
            "there is nothing to report yet: no captured build, no traces, no manifest",
            file=str(build.path),
            remedy="build the program with `lp-wrap`, in the folder of lp.toml",
        )
    _read_elite(material)
    arms = _number_arms(material)
    functions = _functions(material, runs)
    extents, problems = _extents(material, functions)
    hot = _hot_arms(material)
    source = Source(build, extents, arms, material.counts, hot)
    files, placed = lay_out(source, functions, runs)
    rows = load_report(build)
    plain = _plain_units(material, rows)
    told = _forecast(material)
    notes = (
        *problems,
        *_notes(material, rows, plain),
        *_warnings(material, runs, told),
    )
    return Report(
        project=build.root.name,
        request=config.request,
        loop=config.loop or "",
        stages=_stages(material, runs),
        proposed=material.proposed,
        classes=_classes(material, arms, hot),
        functions=placed,
        files=files,
        notes=notes,
        units=len(units),
        plain_units=len(plain),
        runs=tuple(runs),
        total=sum_runs(runs, "all runs") if runs else None,
        forecast=told,
        pointers=_pointers(material),
    )


def _forecast(material: _Material) -> Forecast:
    """What the manifest will give, as far as the units are built for it."""
    build, manifest = material.build, material.manifest
    if manifest is None or material.proposed:
        return Forecast((), unknown="there is no manifest yet: run `lp manifest`")
    try:
        plan = make_plan(build, Choice((), manifest.programs, False))
    except LakePlacidError as error:
        return Forecast((), unknown=str(error))
    return make_forecast(build, material.config, manifest, plan, material.profile)


def _pointers(material: _Material) -> dict[tuple[str, int], tuple[str, ...]]:
    """What was called by pointers, by file and line."""
    counts: dict[tuple[str, int], Counter[str]] = {}
    for target in material.profile.targets if material.profile else ():
        function = material.functions.get(function_of(target.site))
        ordinal = int(target.site.rpartition(":")[2])
        if function is not None and ordinal < len(function.sites):
            place = (function.file, function.sites[ordinal].line)
            name = target.symbol.rpartition(":")[2]
            counts.setdefault(place, Counter())[name] += target.count
    return {place: tuple(name for name, _ in c.most_common()) for place, c in counts.items()}


# -- reading -------------------------------------------------------------------------------------


def _material(
    build: BuildDir, config: Config, units: Sequence[Unit], traces: Sequence[Path]
) -> _Material:
    captured = captured_functions(build)
    places = list(traces) or remembered_traces(build)
    profile = merge_traces(read_traces(places), captured) if places else None
    seen = profile is not None and profile.requests() > 0
    manifest = load_manifest(build.manifest) if build.manifest.exists() else None
    proposed = manifest is None and seen
    threshold = manifest.threshold if manifest else config.threshold
    merges = merge_profile(profile, threshold) if profile else {}
    if profile and proposed:
        manifest = manifest_from(profile, config, merges)
    counts: Counter[str] = Counter()
    if profile and seen:
        for item in profile.classes:
            for arm in item.arms:
                counts[arm] += item.count
    elif manifest:
        counts.update(load_counts(build.manifest))
    functions = {**(profile.functions if profile else {})}
    names = name_versions([*functions.values(), *_all(captured or {})])
    functions.update((names[f.key, f.digest], f) for f in _all(captured or {}))
    return _Material(
        build,
        config,
        units,
        captured or {},
        profile,
        merges,
        manifest,
        proposed,
        counts,
        functions,
        names,
    )


def _all(sources: Sources) -> Iterator[Function]:
    for versions in sources.values():
        yield from versions.values()


def _read_elite(material: _Material) -> None:
    """What became of the functions of each unit that was specialised, once a program is made."""
    if has_units_only(material.build):
        return
    for unit in material.units:
        path = description(material.build, unit, stress=False)
        if not path.exists():
            continue
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            built, refused = data["functions"], data["not_elite"]
        except (OSError, ValueError, KeyError) as error:
            raise LakePlacidError(
                f"damaged record of Elite functions: {error!r}",
                file=str(path),
                remedy="run `lp build` again",
            ) from error
        material.built = True
        sites = load_sites(material.build, unit)
        keys = {f.name: _name(material, f) for f in sites.functions} if sites else {}
        target = unit.folder(material.build) / "elite.o"
        sizes = function_sizes(target) if target.exists() and built else {}
        material.described |= set(keys.values())
        for row in built:
            name = str(row["name"])
            # The compiler's clones: parse.part.0, parse.constprop.0 …
            key = keys.get(name) or keys.get(name.partition(".")[0]) or f"{unit.source}:{name}"
            known = material.code.get(key)
            material.code[key] = _code(row, sizes.get(name), known)
        for row in refused:
            name = str(row["name"])
            key = keys.get(name) or keys.get(name.partition(".")[0]) or f"{unit.source}:{name}"
            material.rejected[key] = str(row["reason"])


def _code(row: Mapping[str, Any], size: Size | None, known: EliteCode | None) -> EliteCode:
    """One function's Elite copy; known: of a clone of it, which is added."""
    before = known or EliteCode(0, 0, False, 0, 0)
    return EliteCode(
        before.instructions + int(row["instructions"]),
        before.deopt_sites + int(row["deopt_sites"]),
        before.floating_point or bool(row["floating_point"]),
        before.elite + (size.elite if size else 0),
        before.fallback + (size.fallback if size else 0),
    )


def _extents(
    material: _Material, functions: Sequence[FunctionView]
) -> tuple[dict[str, FunctionLines], list[Note]]:
    """Lines of the functions that a report shows at length, and what could not be found out."""
    wanted = {f.key for f in functions if f.state != "unseen" or f.hits}
    names = {version: name for version, name in material.names.items() if name in wanted}
    found: dict[str, FunctionLines] = {}
    problems: list[Note] = []
    for unit in material.units:
        sites = load_sites(material.build, unit)
        here = {(f.key, f.digest) for f in sites.functions} if sites else set()
        missing = {v: names[v] for v in here & names.keys() if names[v] not in found}
        if not missing:
            continue
        try:
            for lines in find_lines(material.build, unit, missing):
                found[lines.key] = lines
        except (LakePlacidError, OSError) as error:
            problems.append(Note("warning", unit.source, 0, f"its arms are not shown: {error}"))
    return found, problems


# -- verdicts ------------------------------------------------------------------------------------


def _name(material: _Material, function: Function) -> str:
    return material.names[function.key, function.digest]


def _hot_arms(material: _Material) -> set[str]:
    """Names of all arms that Elite has, entries of Elite functions included."""
    hot: set[str] = set()
    for verdicts in material.manifest.elite_functions() if material.manifest else ():
        name = material.names.get((verdicts.key, verdicts.digest), verdicts.key)
        function = material.functions.get(name)
        hot.add(name)
        for site in function.sites if function else ():
            hot |= {
                f"{name}:{site.ordinal}:{arm.name}"
                for arm in site.arms
                if verdicts.is_hot(site, arm.name)
            }
    return hot


def _number_arms(material: _Material) -> dict[str, int]:
    """A number for each arm and entry that a request took."""
    names = {arm for c in material.profile.classes for arm in c.arms} if material.profile else set()
    return {name: number for number, name in enumerate(sorted(names))}


# -- functions -----------------------------------------------------------------------------------


def _functions(material: _Material, runs: Sequence[Run]) -> list[FunctionView]:
    hits: Counter[str] = Counter()
    for run in runs:
        for deopt in run.deopts:
            hits[function_of(deopt.name)] += deopt.hits
    keys = {*material.functions}
    for entry in material.manifest.functions.values() if material.manifest else ():
        if entry.key not in material.sources:
            keys.add(material.names.get((entry.key, entry.digest), entry.key))
    total = _requests(material)
    views = []
    for key in sorted(keys):
        verdicts = material.verdicts(key)
        function = material.functions.get(key)
        state, reason = _state(material, key, verdicts, function)
        requests = material.counts.get(key, 0)
        if verdicts is None and function is None:
            continue
        file, _, name = key.rpartition(":")
        views.append(
            FunctionView(
                key=key,
                name=name,
                file=file,
                line=function.line if function else verdicts.line if verdicts else 0,
                last=0,
                state=state,
                reason=reason,
                requests=requests,
                share=requests / total if total else 0.0,
                hits=hits[key],
                sites=_sites(material, key, verdicts, function),
                code=material.code.get(key),
            )
        )
    return views


def _requests(material: _Material) -> int:
    return material.profile.requests() if material.profile else 0


def _state(
    material: _Material,
    key: str,
    verdicts: FunctionVerdicts | None,
    function: Function | None,
) -> tuple[str, str]:
    """What became of a function, and why."""
    if key in material.code:
        return "elite", ""
    if key in material.rejected:
        return "rejected", material.rejected[key]
    known = material.sources.get(unversioned(key))
    if verdicts is not None and verdicts.elite:
        if known and verdicts.digest not in known:
            return "changed", "it has changed since scouting: scout it again"
        if key in material.described:
            return "inlined", "its Elite code lies within its callers'"
        if material.built and material.sources and known is None:
            return "changed", "no captured unit defines it any more"
        return "chosen", "`lp build` will make its Elite code"
    count, total = material.counts.get(key, 0), _requests(material)
    if count or verdicts is not None:
        share = f" ({count:,} of {total:,} requests)" if total else ""
        return "cold", f"only in classes of requests that were not chosen{share}"
    if function is not None and is_function(material.config.loop, function.file, function.name):
        return "cold", "the loop: no iteration of it was traced"
    if not total and not material.manifest:
        return "unseen", "nothing is traced yet"
    return "unseen", "no traced request came here"


def _sites(
    material: _Material,
    key: str,
    verdicts: FunctionVerdicts | None,
    function: Function | None,
) -> tuple[SiteView, ...]:
    if function is None:
        return ()
    elite = verdicts is not None and verdicts.elite
    views = []
    for site in function.sites:
        name = f"{key}:{site.ordinal}"
        verdict = ""
        targets: tuple[str, ...] = ()
        if verdicts is not None and elite:
            if site.kind == "switch":
                verdict = "switch"
            elif site.kind == "icall":
                verdict = "call"
                targets = verdicts.targets.get(site.ordinal, ())
            else:
                verdict = verdicts.conditions.get(site.ordinal, Verdict.UNKNOWN).value
        arms = tuple(
            ArmView(
                arm.name,
                material.counts.get(f"{name}:{arm.name}", 0),
                verdicts is not None and elite and verdicts.is_hot(site, arm.name),
            )
            for arm in site.arms
        )
        views.append(
            SiteView(site.ordinal, site.kind, site.line, site.column, verdict, arms, targets)
        )
    return tuple(views)


# -- classes -------------------------------------------------------------------------------------


def _classes(material: _Material, arms: Mapping[str, int], hot: Set[str]) -> tuple[Classes, ...]:
    """The classes: those whose path is Elite first, then the rest, each in the merge's order. The
    manifest decides, which may have been edited, and not the merge. hot: names of Elite's arms."""
    if material.profile is None or material.manifest is None:
        return ()
    found = []
    for kind, title in ((REQUEST, "Requests"), (ITERATION, "Iterations of the loop")):
        merge = material.merges[kind]
        if not merge.total:
            continue
        steps = [*merge.steps, *merge.rest]
        before = [0, *(step.covered for step in steps)]
        gains = [step.covered - earlier for step, earlier in zip(steps, before, strict=False)]
        pairs = sorted(
            zip(steps, gains, strict=True), key=lambda pair: not pair[0].chosen.arms <= hot
        )
        rows: list[ClassRow] = []
        covered = 0
        for number, (step, gain) in enumerate(pairs[:SHOWN], 1):
            taken = step.chosen.arms
            covered += gain
            rows.append(
                ClassRow(
                    number,
                    step.chosen.count,
                    step.chosen.count / merge.total,
                    covered / merge.total,
                    gain,
                    taken <= hot,
                    len({function_of(arm) for arm in taken}),
                    step.weight,
                    _places(material.profile, step.new),
                    tuple(sorted(arms[arm] for arm in taken if arm in arms)),
                )
            )
        found.append(
            Classes(
                title,
                merge.total,
                tuple(rows),
                len(pairs) - len(rows),
                merge.total - covered,
                material.manifest.threshold,
            )
        )
    return tuple(found)


def _places(profile: Profile, new: frozenset[str]) -> tuple[tuple[str, int], ...]:
    """Where the arms that a class adds stand, some of them: those that add most first."""
    weights: dict[tuple[str, int], int] = {}
    for name in new:
        function = profile.functions.get(function_of(name))
        if function is None:
            continue
        parts = name.split(":")
        line, weight = function.line, function.weight
        if len(parts) == 4:
            site = function.sites[int(parts[2])]
            arm = next((a for a in site.arms if a.name == parts[3]), None)
            line, weight = (arm.line, arm.weight) if arm else (site.line, 0)
        weights[function.file, line] = weights.get((function.file, line), 0) + weight
    heaviest = sorted(weights, key=lambda place: (-weights[place], place))[:_PLACES]
    return tuple(sorted(heaviest))


# -- the rest ------------------------------------------------------------------------------------


def _stages(material: _Material, runs: Sequence[Run]) -> tuple[Stage, ...]:
    build = material.build
    elite = len(material.code)
    requests = _requests(material)
    chosen = len(material.manifest.elite_functions()) if material.manifest else 0
    have_manifest = material.manifest is not None and not material.proposed
    began = sum(run.requests for run in runs)
    return (
        Stage(
            "captured",
            bool(material.units),
            f"{len(material.units)} units",
            "lp-wrap make",
        ),
        Stage(
            "traced",
            requests > 0,
            f"{requests:,} requests",
            "run the scouted program under a typical load",
        ),
        Stage(
            "decided",
            have_manifest,
            f"{chosen} functions chosen, in {build.manifest.name}",
            "lp manifest",
        ),
        Stage("built", material.built, f"{elite} Elite functions", "lp build"),
        Stage(
            "run",
            bool(runs),
            f"{began:,} requests",
            "LP_ELITE=inprocess LP_STATS=stats.json ./program, then lp report --stats stats.json",
        ),
    )


def _plain_units(material: _Material, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Ids of the units that are compiled plainly: by their flags, or because our passes could not
    handle them, which only the journal tells."""
    reported = {str(row["unit"]) for row in rows}
    return {
        unit.id
        for unit in material.units
        if unit.plain or (unit.id in reported and load_sites(material.build, unit) is None)
    }


def _notes(
    material: _Material, rows: Sequence[Mapping[str, Any]], plain: Collection[str]
) -> list[Note]:
    """What was left as it is, each thing once."""
    build = material.build
    found: dict[Note, None] = {}
    for unit in material.units:
        if unit.plain:
            found[Note("unit", build.relative(unit.source, unit.cwd), 0, unit.plain)] = None
    known = {(note.file, note.reason) for note in found}
    for row in rows:
        file = build.relative(str(row["file"]), str(build.root))
        line, reason = int(row["line"]), str(row["reason"])
        if (file, reason) not in known:
            what = "unit" if row["unit"] in plain else "site"
            found[Note(what, file, line, reason)] = None
    return list(found)


def _warnings(material: _Material, runs: Sequence[Run], told: Forecast) -> list[Note]:
    """What makes the report say less than it could."""
    profile = material.profile
    warnings = list(profile.warnings) if profile else []
    if profile and material.manifest:
        warnings += filter(None, [seen_too_little(profile, material.manifest.threshold)])
    covered = material.merges[REQUEST].covered if profile else 0.0
    shares = {PLACES[place.place]: place.share for place in told.places}
    for run in runs:
        if run.shut_out:
            warnings.append(f"{run.label}: {run.kept_out}")
        promised = shares.get(run.elite, covered)
        if run.elite == OFF:
            warnings.append(f"{run.label}: this run had Elite off (LP_ELITE was not set)")
        elif not run.requests:
            warnings.append(f"{run.label}: no request came to Elite in this run")
        elif run.share < promised - _OFF:
            warnings.append(
                f"{run.label}: {run.share:.1%} of its requests finished in Elite, and of the "
                f"traced ones {promised:.1%} would: this load is another than the scouted one, or "
                "its way depends on more than the requests; scout with this load too"
            )
    return [Note("warning", "", 0, warning) for warning in warnings]
