# SPDX-License-Identifier: GPL-2.0-only
"""What happens to a unit and to a link in each phase."""
