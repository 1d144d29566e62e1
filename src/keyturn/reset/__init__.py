"""The domain, without Litestar. The story is in five files, and `docs/flow.md` walks through them.

`request.py` accepts a request for a link; `answer.py` decides which mail it gets; `check.py` finds the account of a
link; `complete.py` sets the new password; `confirm.py` tells the owner.

Beside them: `change.py` (what allows a change and what follows it), `elsewhere.py` (accounts in another system),
`events.py` (what the app is told), `mails` (from facts to an email), `records` (rows, and the statements that decide).

Rooms plug into the story: `limits`, `proofs`, `passwords`, `securing.py`, `inviting.py`, `muting.py`, `sign_in.py`.

**"It was not me" needs no sign-in, and a mailbox speaks for itself alone**: a press ends no links of another mailbox,
and locks no account that has moved (`records/secure_links.py`, the states in `docs/security.md`).

**Keyturn's own sign-in is asked for by name** beside an app: another way in, past the app's second factor, must not
open by default. A session ends with the transaction that changes the password, which a middleware's store could not do.
"""
