"""The rules of a password reset, without HTTP. Each of its five steps has a file (ARCHITECTURE.md).

**"This was not me" needs no sign-in, and a mailbox speaks for itself alone**: the button ends no
links of another mailbox, and locks no account that has moved to another address
(`records/links.py`; `docs/security.md` lists the states).

**Beside an app, Keyturn's own sign-in is off unless the settings name it.** Otherwise there would
be a second way in, which does not ask for the app's second factor.
"""
