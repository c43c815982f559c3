# SPDX-License-Identifier: GPL-2.0-only
"""One compile, two projections: compiler output rewritten as Fallback and Elite assembly."""
