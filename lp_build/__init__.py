"""LakePlacid: run the hot path of an ordinary C server in the kernel."""
