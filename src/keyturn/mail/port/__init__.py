"""The values and ports that `mail/providers/` builds on: mail, sender, provider.

Declined: `standardwebhooks` and `svix`. The Resend SDK verifies incoming reports; their signature header is filtered to
`v1,` entries first.
"""
