# SPDX-License-Identifier: GPL-2.0-only
"""From traces to the manifest: classes of equal paths, greedily merged."""
