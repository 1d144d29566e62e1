"""Turns facts into emails: what a mail says, its theme, language and links, and the provider that sends it.

**A mail is rendered once**, before the transaction that stores its link, and kept sealed in its outbox row: each retry
sends the identical body (`delivery.py`).

**A provider that may have a mail is the only one asked again for it**, under the same key. The other provider is asked
if the first certainly did not accept the mail, or rejects our key (`delivery.py`).

**A theme is brand, palette and languages**, one for each kind of account that differs. **Links are made from the
settings alone**, never from a request's headers (CVE-2017-8295).
"""
