# SPDX-License-Identifier: GPL-2.0-only
"""The recipe's modules, which lie with the sample and not in the package."""

from __future__ import annotations

import sys

from lp_build.resources import resource_dir

sys.path.insert(0, str(resource_dir("sample_projects") / "redis"))
