# SPDX-License-Identifier: GPL-2.0-only
"""What the stages tell each other: sites, verdicts, markers, the C that a unit is written in."""
