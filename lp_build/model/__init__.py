# SPDX-License-Identifier: GPL-2.0-only
"""What the stages tell each other: sites, fingerprints, verdicts, markers, binary layouts."""
