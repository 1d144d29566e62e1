"""Sends events to an app by webhook.

The body is written together with the event. Its key survives an operator's retry, so that the app can detect a repeat.
The signature is one HMAC as in Standard Webhooks. The reference library verifies it in the tests; it could not prove
anything if it had also signed.
"""
