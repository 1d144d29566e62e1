"""Securing an account whose password an attacker changed: the work, its route, and its page."""
