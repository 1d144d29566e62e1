"""Accounts in a directory: OpenLDAP and its relatives, and Active Directory.

The client is Keyturn's own (`messages`, `connection`): six requests over asyncio. It has no text of filters to escape,
ends every wait, and knows whether a request was sent. `directory` chooses the server, `accounts` is the store, and
`dialects` reads what servers write. ARCHITECTURE.md says why no library does this.
"""
