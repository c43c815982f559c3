# SPDX-License-Identifier: GPL-2.0-only
"""Symbols that stand for a function of the source."""

from __future__ import annotations

import hashlib
import re

_CLONE = re.compile(r"^(.+?)((?:\.(?:part|constprop|isra|lto_priv)(?:\.\d+)?)+)$")


def known_name(function: str) -> str:
    """The symbol by which other units know a static function, by the manifest's name for it, as
    the target of their indirect calls; with `.lp_elite` behind it, its Elite copy."""
    return f"lp_known.{hashlib.sha256(function.encode()).hexdigest()[:16]}"


def base_name(symbol: str) -> str:
    """The function of the source that `symbol` is, or is a clone of (`f.part.0` is of f)."""
    match = _CLONE.match(symbol)
    return match.group(1) if match else symbol
