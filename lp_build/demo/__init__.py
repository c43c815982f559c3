# SPDX-License-Identifier: GPL-2.0-only
"""`lp demo`: a small server, built, scouted, specialised and put under load."""
