"""`lp bench`: measurements against a baseline taken in the same run."""
