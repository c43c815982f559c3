# SPDX-License-Identifier: GPL-2.0-only
"""Which share of the traced requests will finish in Elite, and what stops the others."""
