# SPDX-License-Identifier: GPL-2.0-only
"""Jinja rendering of C and assembly templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from lp_build.errors import LakePlacidError
from lp_build.resources import resource_dir


@dataclass(frozen=True)
class Rendered:
    """One rendered file: its text and the templates that were read for it (dependencies)."""

    text: str
    templates: tuple[Path, ...]


class _RecordingLoader(jinja2.FileSystemLoader):
    """Remembers which template files were read, so that a build can depend on them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: list[Path] = []

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, filename, uptodate = super().get_source(environment, template)
        self.read.append(Path(filename))
        return source, filename, uptodate


def _raise(message: str) -> None:
    raise LakePlacidError(message)


def render(template: str, values: Mapping[str, object], folder: Path | None = None) -> Rendered:
    """Render `template` (a file name below templates/, or below `folder`) with `values`.

    Statements are `/*- … -*/`, values `/*? … ?*/`, comments `/*# … #*/`, so a template stays valid
    C or assembly to an editor. A template calls `raise(message)` on impossible input. Raises
    LakePlacidError naming the template, for an undefined value too.
    """
    loader = _RecordingLoader(folder or resource_dir("templates"))
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        block_start_string="/*-",
        block_end_string="-*/",
        variable_start_string="/*?",
        variable_end_string="?*/",
        comment_start_string="/*#",
        comment_end_string="#*/",
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["raise"] = _raise
    try:
        text = environment.get_template(template).render(dict(values))
    except jinja2.TemplateError as error:
        raise LakePlacidError(
            f"template cannot be rendered: {error}",
            file=template,
            line=getattr(error, "lineno", None),
            remedy="this is a defect of LakePlacid or of a changed template",
        ) from error
    return Rendered(text, tuple(dict.fromkeys(loader.read)))
