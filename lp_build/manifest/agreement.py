# SPDX-License-Identifier: GPL-2.0-only
"""Whether `lp.toml` and a manifest that was made from it still say the same of the same program."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lp_build.config import Config, is_function, line_of_key
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.manifest.classes import Sources
from lp_build.model.verdicts import Manifest, Verdict

_AGAIN = "run `lp manifest` again"


def check_agreement(build: BuildDir, config: Config, manifest: Manifest, sources: Sources) -> None:
    """Raise LakePlacidError, at its line of lp.toml, for a function that no captured source
    defines, and as `check_made_for` does."""
    checker = _Checker(build, config, manifest, sources)
    checker.defined("request", config.request)
    if config.loop:
        checker.defined("loop", config.loop)
    for name in config.unknown:
        checker.defined("unknown", name)
    check_made_for(build, config, manifest, sources)


def check_made_for(build: BuildDir, config: Config, manifest: Manifest, sources: Sources) -> None:
    """Raise LakePlacidError, at its line of lp.toml, for what the manifest was not made for:
    another request function, another loop, conditionals that keep both arms only since.

    That it was made with another threshold is no contradiction: `lp manifest` takes one.
    """
    checker = _Checker(build, config, manifest, sources)
    checker.same("request", config.request, manifest.request)
    if config.loop:
        checker.same("loop", config.loop, manifest.loop)
    checker.unknown()


class _Checker:
    def __init__(
        self, build: BuildDir, config: Config, manifest: Manifest, sources: Sources
    ) -> None:
        self.build = build
        self.config = config
        self.manifest = manifest
        self.functions = [f for versions in sources.values() for f in versions.values()]

    def fail(self, key: str, message: str, remedy: str) -> LakePlacidError:
        path = self.build.config
        line = line_of_key(path.read_text(encoding="utf-8"), key)
        return LakePlacidError(message, file=_shown(path), line=line, remedy=remedy)

    def keys(self, wanted: str) -> set[str]:
        """The functions that a name of lp.toml or of the manifest stands for."""
        return {f.key for f in self.functions if is_function(wanted, f.file, f.name)}

    def defined(self, key: str, wanted: str) -> None:
        if not self.keys(wanted):
            near = _nearest(wanted, (f.name for f in self.functions))
            raise self.fail(
                key,
                f"`{key}` names `{wanted}`, and no captured source defines it",
                f"{near}name a function of the program's own C sources, as `name` or "
                "`file.c:name`; `lp report` says what was left plain",
            )

    def same(self, key: str, wanted: str, made_for: str | None) -> None:
        if wanted == made_for or (made_for and self.keys(wanted) == self.keys(made_for)):
            return
        manifest = _shown(self.build.manifest)
        told = f"`{made_for}`" if made_for else "none"
        back = f', or write {key} = "{made_for}" again' if made_for else ""
        raise self.fail(
            key,
            f"`{key}` is `{wanted}`, but {manifest} was made for {told}",
            "scout again, from clean (`lp-wrap --phase scout …`), run the program under a typical "
            f"load and {_AGAIN}{back}",
        )

    def unknown(self) -> None:
        for entry in self.manifest.elite_functions():
            decided = [v for v in entry.conditions.values() if v is not Verdict.UNKNOWN]
            for name in self.config.unknown:
                if decided and is_function(name, entry.file, entry.name):
                    raise self.fail(
                        "unknown",
                        f"`unknown` names `{name}`, but {_shown(self.build.manifest)} decides "
                        f"conditionals of {entry.key}: it was made before",
                        f"{_AGAIN}, or take `{name}` from `unknown`",
                    )


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _nearest(wanted: str, names: Iterable[str]) -> str:
    """A suggestion, as the beginning of a remedy; "" without one."""
    from difflib import get_close_matches

    found = get_close_matches(wanted.rpartition(":")[2], sorted(set(names)), 1)
    return f"did you mean `{found[0]}`? " if found else ""
