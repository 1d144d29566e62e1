"""Securing an account whose password somebody else changed: the work, its route, and its page."""
