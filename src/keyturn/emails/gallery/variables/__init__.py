"""What templates do with the names that they are given."""
