# SPDX-License-Identifier: GPL-2.0-only
"""Statistics of made-up runs."""

from __future__ import annotations

import json
from pathlib import Path


def write_run(
    path: Path,
    requests: int = 100,
    elite: str = "inprocess",
    shut_out: str = "",
    **deopts: tuple[str, int, int],
) -> Path:
    """Write what LP_STATS would; deopts: by any name, (site, line, hits). All leave but once.
    shut_out: why a thread stayed out of the kernel."""
    sites = [
        {"name": site, "file": site.partition(":")[0], "line": line, "hits": hits}
        for site, line, hits in deopts.values()
    ]
    left = sum(site["hits"] for site in sites)
    data = {
        "elite": elite,
        "mode": "wait",
        "pid": 1,
        "requests": requests,
        "finished_in_elite": requests - left,
        "deopts": {"total": left, "sites": sites},
        "slots": {"count": 64, "size": 262144, "high_water": 1, "waits": 0},
        "ring": {"size": 0, "depth_max": 0, "waits": 0, "queued": 0},
        "shut_out": {"threads": int(bool(shut_out)), "why": shut_out},
        "elite_text_bytes": 100,
        "text_bytes": 1000,
    }
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
