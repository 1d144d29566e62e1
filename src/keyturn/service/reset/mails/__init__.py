"""Turns facts into emails, and hands them to a provider.

**Links are built from the settings alone**, never from a request's headers (CVE-2017-8295).
"""
