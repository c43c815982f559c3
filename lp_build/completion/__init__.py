"""Completion for shells: files that scripts/manual.py makes, and `lp completion`."""
