"""Sends mails with the provider that the settings choose: at its pace, in a span, and not while it is down.

Declined: `aiobreaker` and `purgatory`. They refuse calls, while here a mail that the provider may have goes on asking
it, and only new mails are led elsewhere.
"""
