# SPDX-License-Identifier: GPL-2.0-only
"""Real programs under their own tests: what the recipes of sample_projects share."""
