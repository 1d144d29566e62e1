"""Sends mails with the configured provider, pauses while it is down, and takes the providers'
reports.

Declined: `aiobreaker` and `purgatory`. An open breaker of theirs refuses all calls, but a mail that
the provider may have must still be tried there.
"""
