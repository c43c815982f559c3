"""Shim: everything is declared in setup.cfg; the scripts are plain sh, which setup.cfg cannot list."""

from setuptools import setup

setup(scripts=["scripts/lp-cc", "scripts/lp-wrap"])
