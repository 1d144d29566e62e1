"""Sends mails with the configured provider, pauses while it is down, and takes the providers' reports.

Declined: `aiobreaker` and `purgatory`. They refuse all calls. Here retries of a mail that the provider may have still
go to that provider, and only new mails are led elsewhere.
"""
