"""The rules of a password reset, without HTTP. Each of its five steps has a file (ARCHITECTURE.md).

**A link is made, stored and used in three places**: `reset_links.py` makes it with its mail, the
handler of the request stores both in one transaction (`answer.py`), and `live_links.py` uses it up.
`records/lifetimes.py` says how long it works.

**The answer to a commit may be lost**: `change.py` says what happens then.

**"This was not me" needs no sign-in, and a mailbox speaks for itself alone**: the button ends no
links of another mailbox, and locks no account that has moved to another address
(`records/links.py`; `docs/security.md` lists the states).

**Beside an app, Keyturn's own sign-in is off unless the settings name it.** Otherwise there would
be a second way in, which does not ask for the app's second factor.
"""
