"""Sends mails with the configured provider, and pauses while it is down.

Declined: `aiobreaker` and `purgatory`, which refuse all calls. Retries of a mail that the provider
may have go there.
"""
