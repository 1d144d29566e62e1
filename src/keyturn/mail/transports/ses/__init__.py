"""Amazon SES, over its HTTP API (v2): sending, and reading the reports that SNS brings."""
