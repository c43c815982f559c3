# SPDX-License-Identifier: GPL-2.0-only
"""`lp top`: what a specialised server is doing, live."""
