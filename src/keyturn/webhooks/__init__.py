"""Telling an app what happened: events, their signature, and the request that carries them.

The body is written with the event, and its key survives an operator's retry, so that the app can tell a repeat. The
signature is one HMAC as Standard Webhooks describes it; the reference library proves it in the tests, which it could
not if it had signed.
"""
