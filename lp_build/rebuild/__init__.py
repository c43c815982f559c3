"""`lp build`: the specialised program again, by SCons, from what a wrapped build captured."""
