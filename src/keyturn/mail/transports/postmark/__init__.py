"""Postmark, over its HTTP API: sending, and reading its reports."""
