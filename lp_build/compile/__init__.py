"""What happens to a unit and to a link in each phase."""
