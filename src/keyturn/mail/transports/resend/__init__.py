"""Resend, through its own SDK: sending, and reading its reports."""
