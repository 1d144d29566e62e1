"""The port through which a mail is sent, and what stands behind it.

Declined: `standardwebhooks` and `svix`. What comes in is verified by the Resend SDK, its header filtered to `v1,`
entries first. `aiobreaker` and `purgatory`: they refuse calls, while here a mail that the provider may have goes on
asking it, and only new ones are led elsewhere.
"""
