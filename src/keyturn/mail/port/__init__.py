"""What a mail, a sender and a provider are: the values and the ports that `mail/providers/` is written with.

Declined: `standardwebhooks` and `svix`. What comes in is verified by the Resend SDK, its header filtered to `v1,`
entries first.
"""
