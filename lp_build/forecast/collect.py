# SPDX-License-Identifier: GPL-2.0-only
"""The forecast of a build: what was traced, what the manifest decides and what was built."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.files import file_digest, write_whole
from lp_build.forecast.built import read_built
from lp_build.forecast.cancels import may_cancel
from lp_build.forecast.causes import Material, triggers_of
from lp_build.forecast.count import forecast_place
from lp_build.forecast.model import Forecast
from lp_build.layout import BuildDir
from lp_build.manifest.classes import Profile, merge_traces
from lp_build.manifest.traces import read_traces
from lp_build.model.sites import name_versions
from lp_build.model.verdicts import Manifest
from lp_build.store.capture import captured_functions
from lp_build.store.plan import Plan, programs_with_request, units_of

_FEW = 100  # requests


def remember(
    build: BuildDir,
    traces: Sequence[Path],
    *,
    built: bool = True,
    linked: bool = True,
    stress: bool = False,
) -> None:
    """Note whether the units are built for the manifest as it is, whether programs are linked of
    them, and which traces it is from."""
    digest = file_digest(build.manifest)
    before = _read(build, stress)
    data = {
        "manifest": digest if built else "",
        "linked": linked or (before.get("linked") is True and before["manifest"] == digest),
        "traces": [str(path.absolute()) for path in traces],
    }
    _record(build, stress).parent.mkdir(parents=True, exist_ok=True)
    write_whole(_record(build, stress), json.dumps(data).encode())


def remembered_traces(build: BuildDir) -> list[Path]:
    """The traces that the manifest was made from, as far as they are there; else those of
    `.lp/traces`."""
    for stress in (False, True):
        known = _read(build, stress)
        found = [path for path in map(Path, known.get("traces", ())) if path.exists()]
        if found:
            return found
    return [build.traces] if any(build.traces.rglob("*.lpt")) else []


def _record(build: BuildDir, stress: bool) -> Path:
    return build.path / "build" / ("forecast-stress.json" if stress else "forecast.json")


def _read(build: BuildDir, stress: bool) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_record(build, stress).read_text("utf-8"))
        return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LakePlacidError(
            f"damaged record of what was built: {error}",
            file=str(_record(build, stress)),
            remedy="run `lp build` again",
        ) from error


def has_units_only(build: BuildDir) -> bool:
    """Whether units are made to forecast from, and no program of them yet."""
    return _read(build, False).get("linked") is False


def is_built(build: BuildDir, stress: bool = False) -> bool:
    """Whether the units are built for the manifest as it is now."""
    return build.manifest.is_file() and _read(build, stress).get("manifest") == file_digest(
        build.manifest
    )


def profile_of(build: BuildDir) -> Profile | None:
    """What was traced; None where no traces are left."""
    places = remembered_traces(build)
    return merge_traces(read_traces(places), captured_functions(build)) if places else None


def make_forecast(
    build: BuildDir,
    config: Config,
    manifest: Manifest,
    plan: Plan,
    profile: Profile | None,
    *,
    stress: bool = False,
) -> Forecast:
    """Say what will finish in Elite. Raises LakePlacidError for damaged records."""
    if profile is None or not profile.requests():
        why = (
            "there are no traces: run the scouted program under a typical load, then `lp manifest`"
        )
        return Forecast((), unknown=why)
    sources = captured_functions(build) or {}
    current = [function for versions in sources.values() for function in versions.values()]
    names = name_versions(current)
    programs = programs_with_request(build, plan, config, manifest)
    units = units_of(programs.values())
    built = read_built(build, units, names, stress) if is_built(build, stress) else None
    if built is None:
        return Forecast((), unknown="nothing is built for this manifest yet: run `lp build`")
    if not built:
        why = f"no captured unit defines `{config.request}` as it was scouted: scout again"
        return Forecast((), unknown=why)
    objects = [unit.plain_object(build) for unit in units]
    cancels = may_cancel(objects, [Path(path) for path in programs if Path(path).is_file()])
    functions = {names[function.key, function.digest]: function for function in current}
    material = Material(build, config, manifest, functions, profile, built, cancels)
    triggers = triggers_of(material)
    places = tuple(forecast_place(place, profile.ways, found) for place, found in triggers.items())
    return Forecast(places, doubts_of(profile))


def doubts_of(profile: Profile) -> tuple[str, ...]:
    """What may make a run differ from what was traced."""
    total = profile.requests()
    few = f"scouting saw only {total} requests: let the load run longer"
    return (few,) if 0 < total < _FEW else ()
