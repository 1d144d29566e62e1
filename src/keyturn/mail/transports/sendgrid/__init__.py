"""SendGrid, over its HTTP API (v3): sending, and reading its reports."""
