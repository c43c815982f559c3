# SPDX-License-Identifier: GPL-2.0-only
"""The versions of what is kept in files or said between programs, which `lp --version` prints.

docs/reference.md says what they promise. A reader takes its own version only; whoever changes what
a file holds, or what a word in it means, raises the number here and where C writes it (a test
compares both).
"""

from __future__ import annotations

# Between an application and the driver: LP_PROTOCOL in kernel/uapi/lakeplacid.h.
PROTOCOL = 3
# Trace files of scouted programs, .lpt: c_runtime/scout/scout.c.
TRACE = 3
# Files of surveyed programs, .lps: c_runtime/survey/survey.c.
SURVEY = 3
# What `lp top` reads in a running program: c_runtime/statistics/live.h.
LIVE = 3
# lp-manifest.toml.
MANIFEST = 1
# lp-baseline.json, of `lp check`.
BASELINE = 1

NAMES = {
    "driver protocol": PROTOCOL,
    "trace": TRACE,
    "survey": SURVEY,
    "live counters": LIVE,
    "manifest": MANIFEST,
    "baseline": BASELINE,
}


def told(version: str) -> str:
    """What `lp --version` prints."""
    rows = [f"  {name:<15}  {number}" for name, number in NAMES.items()]
    return "\n".join([f"LakePlacid {version}", *rows])
