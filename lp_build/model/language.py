# SPDX-License-Identifier: GPL-2.0-only
"""Which C a unit is written in: the build's own options, as libclang is to be told of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The newest standard that libclang knows by this name; what it can't parse of a newer one is left
# plain with libclang's own words as the reason.
_NEWEST = "2x"
_STANDARDS = {
    **dict.fromkeys(("89", "90", "iso9899:1990"), "89"),
    "iso9899:199409": "iso9899:199409",
    **dict.fromkeys(("99", "9x", "iso9899:1999", "iso9899:199x"), "99"),
    **dict.fromkeys(("11", "1x", "iso9899:2011"), "11"),
    **dict.fromkeys(("17", "18", "iso9899:2017", "iso9899:2018"), "17"),
}
# By the last __STDC_VERSION__ of each (C89 has none).
_VERSIONS = ((0, "89"), (199409, "iso9899:199409"), (199901, "99"), (201112, "11"), (201710, "17"))
_DEFAULT = "gnu17"
# Options that change what a text means, by libclang's name for them.
_DIALECT = {
    **{
        word: word
        for name in (
            *("ms-extensions", "short-enums", "short-wchar", "signed-char", "unsigned-char"),
            *("gnu89-inline", "blocks", "dollars-in-identifiers", "builtin", "gnu-keywords"),
        )
        for word in (f"-f{name}", f"-fno-{name}")
    },
    # gcc's name for more than Microsoft's anonymous members; clang knows no more than those.
    "-fplan9-extensions": "-fms-extensions",
    "-fno-plan9-extensions": "-fno-ms-extensions",
    "-fasm": "-fgnu-keywords",
    "-fno-asm": "-fno-gnu-keywords",
    "-ffreestanding": "-fno-builtin",
}
_PACKED = re.compile(r"-fpack-struct(?:=\d+)?$")


def standard_of(flags: Iterable[str]) -> str:
    """The standard that a command asks for, as libclang calls it; "" where the compiler's own
    default holds."""
    found = ""
    for flag in flags:
        if flag == "-ansi":
            found = "c89"
        elif flag.startswith("-std="):
            found = _known(flag.removeprefix("-std="))
    return found


def _known(name: str) -> str:
    if name.startswith("iso"):
        prefix, year = "c", name
    else:
        match = re.match(r"(gnu|c)(.*)", name)
        prefix, year = (match[1], match[2]) if match else ("gnu", name)
    return _named(prefix, _STANDARDS.get(year, _NEWEST))


def _named(prefix: str, year: str) -> str:
    return year if year.startswith("iso") else f"{prefix}{year}"


def standard_from_macros(macros: str) -> str:
    """The standard that a compiler's predefined macros (its -dM -E) tell of."""
    match = re.search(r"^#define __STDC_VERSION__ (\d+)", macros, re.M)
    version = int(match[1]) if match else 0
    strict = re.search(r"^#define __STRICT_ANSI__ ", macros, re.M)
    year = next((year for last, year in _VERSIONS if version <= last), _NEWEST)
    return _named("c" if strict else "gnu", year)


def language_arguments(flags: Iterable[str], default: str = _DEFAULT) -> tuple[str, ...]:
    """libclang's arguments for a unit that was compiled with `flags`. default: the standard where
    these name none."""
    words = list(flags)
    arguments = [f"-std={standard_of(words) or default}"]
    for word in words:
        if word in _DIALECT:
            arguments.append(_DIALECT[word])
        elif _PACKED.match(word):
            arguments.append(word if "=" in word else "-fpack-struct=1")
    return tuple(arguments)
