# SPDX-License-Identifier: GPL-2.0-only
"""Whether a function of the captured sources can be the request function at all."""

from __future__ import annotations

from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.source.survey import SurveyedFunction
from lp_build.store.capture import Unit, load_sites, load_units


class Obstacle:
    """Tells what is in the way of functions, by the units that `.lp/` has of them."""

    def __init__(self, build: BuildDir) -> None:
        self._build = build
        self._units: dict[str, Unit] = {}
        for unit in load_units(build):
            sites = load_sites(build, unit)
            for function in sites.functions if sites else ():
                self._units.setdefault(function.key, unit)

    def of(self, function: SurveyedFunction) -> str:
        """Why a function can't run on a stack of its own; "" when it can. Raises LakePlacidError
        when no captured source defines it."""
        from lp_build.source.parse import parse_unit
        from lp_build.source.request import check_request

        unit = self._units.get(function.key)
        if unit is None:
            raise LakePlacidError(
                f"no captured source defines {function.name}",
                file=function.file,
                line=function.line,
                remedy="the sources have changed since the survey: remove .lp/traces/*.lps, build "
                "with `lp-wrap --phase survey` and run again",
            )
        parsed = parse_unit(unit.preprocessed(self._build).read_bytes(), unit.language)
        for node in parsed.functions:
            where = self._build.relative(node.position.file, unit.cwd)
            if node.name == function.name and where == function.file:
                try:
                    check_request(parsed.tree, node, function.file)
                except LakePlacidError as error:
                    return error.message
                return ""
        return f"libclang does not understand {function.name}"
