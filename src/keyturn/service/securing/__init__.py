"""Secures an account whose password an attacker has changed."""
