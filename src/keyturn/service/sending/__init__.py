"""Sends mails with the configured provider, pauses while it is down, and takes the providers'
reports.

Declined: `aiobreaker` and `purgatory`, which refuse all calls. Retries of a mail that the provider
may have go there.
"""
