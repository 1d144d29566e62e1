"""Checks on emails: each finding with its place in the templates and a way out."""
