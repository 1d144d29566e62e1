"""The port through which a mail is sent, and what stands behind it.

Declined: `standardwebhooks` and `svix`. What comes in is verified by the Resend SDK, its header filtered to `v1,`
entries first.
"""
