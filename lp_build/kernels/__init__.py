"""Kernels to build modules for: found, fetched, built against."""
