"""Sends mails with the configured provider, within its rate limit and in a span, and pauses while it is down.

Declined: `aiobreaker` and `purgatory`. They refuse all calls. Here retries of a mail that the provider may have still
go to that provider, and only new mails are led elsewhere.
"""
