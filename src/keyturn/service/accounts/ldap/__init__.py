"""Accounts in a directory: OpenLDAP and its relatives, and Active Directory.

The client is Keyturn's own: six requests over asyncio, without a text of filters to escape. It ends
every wait, and knows whether a request was sent. ARCHITECTURE.md says why no library does this.
"""
