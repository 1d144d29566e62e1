"""The values and ports that `mail/providers/` builds on: mail, sender, provider.

Declined: vendors' SDKs, `standardwebhooks` and `svix`. A mail is one call, and a signature is one HMAC.
"""
