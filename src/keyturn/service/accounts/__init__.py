"""The port to an app's accounts, the stores behind it, and Keyturn's own sessions.

A store inherits from `AccountStore`, and overrides what it can do: there are no flags that could contradict that.
Sessions are Keyturn's own and refer to an account only by its id. Declined: Litestar's session middleware, since a
session must end with the transaction that changes the password.
"""
