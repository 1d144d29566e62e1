"""The port to an app's accounts, the stores behind it, and Keyturn's own sessions, which know an account by its id.

Declined: Litestar's session middleware, since a session must end with the transaction that changes the password.
"""
