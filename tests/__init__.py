"""The tests; one package an area."""
