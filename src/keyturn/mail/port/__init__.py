"""The values and ports that `mail/providers/` builds on.

Declined: vendors' SDKs, `standardwebhooks` and `svix`.
"""
