"""`lp top`: what a specialised server is doing, live."""
