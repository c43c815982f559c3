"""What a wrapped build keeps in `.lp/`."""
