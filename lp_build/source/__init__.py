# SPDX-License-Identifier: GPL-2.0-only
"""libclang passes over preprocessed translation units: sites, scouting edits, markers."""
