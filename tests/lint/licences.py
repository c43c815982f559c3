# SPDX-License-Identifier: GPL-2.0-only
"""Which licence each source file says that it is under."""

from __future__ import annotations

from pathlib import PurePosixPath

from lp_build.licences import LAKEPLACID, PROTOCOL, RUNTIME

# How a file's first line says it, by the file's ending or name; a blank stands for the licence.
_HASH = ("# SPDX-License-Identifier: {}",)
_C = ("/* SPDX-License-Identifier: {} */", "// SPDX-License-Identifier: {}")
COMMENTS = {
    **dict.fromkeys((".py", ".sh", "Makefile", "Kbuild", "Kbuild.j2", "SConstruct"), _HASH),
    **dict.fromkeys(("lp-cc", "lp-wrap", "run"), _HASH),
    **dict.fromkeys((".c", ".cc", ".h", ".S", ".c.j2", ".h.j2", ".S.j2", ".css", ".js"), _C),
    ".lua": ("-- SPDX-License-Identifier: {}",),
    ".html.j2": ("{{# SPDX-License-Identifier: {} #}}",),
}
# Inputs of tests, which are compared as they are; what shtab writes.
_WITHOUT = ("cases", "completion")
# Of the runtime, which gets into users' programs: all of the one folder, and these of the other.
_TEMPLATES_OF_OURS = ("module_", "report.")
_PROTOCOLS = ("kernel/uapi/", "kernel/selftest/selftest.h")


def comments_of(name: str) -> tuple[str, ...]:
    """How a file of the tree says its licence; nothing for one that is no source."""
    path = PurePosixPath(name)
    if any(part in _WITHOUT for part in path.parts[:-1]) and path.suffix != ".py":
        return ()
    for ending, comments in COMMENTS.items():
        if name.endswith(ending) if "." in ending else path.name.endswith(ending):
            return comments
    return ()


def licence_of(name: str) -> str:
    """The licence of a file of the tree, by its folder."""
    path = PurePosixPath(name)
    if name.startswith(_PROTOCOLS):
        return PROTOCOL
    if path.parts[0] == "templates":
        return LAKEPLACID if path.name.startswith(_TEMPLATES_OF_OURS) else RUNTIME
    return RUNTIME if path.parts[0] == "c_runtime" else LAKEPLACID
