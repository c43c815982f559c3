# SPDX-License-Identifier: GPL-2.0-only
"""All is declared in setup.cfg but the scripts: they are plain sh, which it cannot list."""

from setuptools import setup

setup(scripts=["scripts/lp-cc", "scripts/lp-wrap"])
