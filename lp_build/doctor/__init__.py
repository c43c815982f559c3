"""`lp doctor`: what this machine lacks for each feature."""
