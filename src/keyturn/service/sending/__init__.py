"""Sends mails with the configured provider, and pauses while it is down.

Declined: `aiobreaker` and `purgatory`. An open breaker of theirs refuses all calls, but a mail that
the provider may have must still be tried there.
"""
