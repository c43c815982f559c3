"""`lp demo`: a small server, built, scouted, specialised and put under load."""
