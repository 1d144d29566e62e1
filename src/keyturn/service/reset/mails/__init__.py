"""Turns facts into emails: what a mail says, its theme, language and links, and the provider that
sends it.

**Links are made from the settings alone**, never from a request's headers (CVE-2017-8295).
"""
