# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the heap that both sides can run (c_runtime/heap/)."""
