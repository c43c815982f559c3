# SPDX-License-Identifier: GPL-2.0-only
"""The compiler, archiver and linker in front of the real ones: invocations, phases, capture."""
