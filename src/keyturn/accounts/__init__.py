"""The port to the accounts that already exist, the built-in store, and its sessions.

What a store can do is told by its methods (`port`): one that `JoinsTransaction` takes a session, one that `KnowsHashes`
lets people sign in here. There are no flags that could say otherwise. Sessions are Keyturn's own and know an account by
its id alone. Declined: Litestar's session middleware, since a session must end with the transaction that changes the
password.
"""
