"""Real programs under their own tests: what the recipes of sample_projects share."""
