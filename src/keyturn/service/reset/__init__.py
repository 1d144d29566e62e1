"""The domain, without Litestar. A reset passes through five files, and ARCHITECTURE.md walks through them.

`request.py` accepts a request for a link. `answer.py` decides which mail answers it. `check.py` finds the account of a
link. `complete.py` sets the new password. `confirm.py` tells the owner.

Beside them: `change.py` (what allows a change and what follows it), `elsewhere.py` (accounts in another system),
`events.py` (what the app is told and asked), `ground.py` (what all of these share), `mails` (writes and hands over
emails), `records` (rows and their guarded statements).

Optional steps plug in: `proofs`, `passwords`, `sign_in.py`, and beside this folder `securing` and `inviting`.

**"It was not me" needs no sign-in, and a mailbox speaks for itself alone**: the button ends no links of another
mailbox, and locks no account that has moved (`records/links.py`, the states in `docs/security.md`).

**Beside an app, Keyturn's own sign-in is off unless the settings name it**: another way in, past the app's second
factor, must not open by default. A session ends in the transaction that changes the password, which a middleware's
store could not do.
"""
