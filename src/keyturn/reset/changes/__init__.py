"""Setting a password, and all that belongs to it."""
