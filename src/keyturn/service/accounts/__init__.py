"""The port to an app's accounts, the stores behind it, and Keyturn's own sessions.

A store's methods show what it can do (`port`): one that `JoinsTransaction` takes a session, and one that `KnowsHashes`
lets users sign in here. There are no flags that could contradict them. Sessions are Keyturn's own and refer to an
account only by its id. Declined: Litestar's session middleware, since a session must end with the transaction that
changes the password.
"""
