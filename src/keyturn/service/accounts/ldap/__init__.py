"""Accounts in a directory: OpenLDAP and its relatives, and Active Directory.

The client is Keyturn's own: six requests over asyncio. Filters are built from bytes, so there is no
text to escape. Every wait has a limit, and the client knows whether a request was sent.
ARCHITECTURE.md says why no library does this.
"""
