"""The domain, without Litestar: asking for a link, checking it, choosing a new password, signing in.

**Limits first, then the outbox.** A client's limit answers 429 before anything is written; a mailbox's cooldown is
kept in the worker, where its answer cannot be seen. A store of limits that cannot be reached lets nobody through
(OWASP ASVS 16.5.3). Litestar's own middleware for limits is not used: across processes it reads and writes without
atomicity, and it leaves the path out of its key; `limits` does both in Redis. Its windows in memory are not used: they
are swept from a thread for each key, which with 4,000 clients took 60 % of a core.

**A link is read with its account, in batches** (`live_links.py`), since the account may have been disabled or have a
new email: by one statement where both are in Keyturn's own tables, else by two. Each is shared by all who wait.

**Guesses are counted for each account, and apart for each browser in which its owner was before**: strangers slow
down each other, and not the owner (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

**"It was not me" needs no sign-in, and a mailbox speaks for itself alone**: a press ends no links of another mailbox,
and locks no account that has moved (`records/secure_links.py`, the states in `docs/security.md`). What Keyturn holds
ends in one transaction; what a store holds is promised there and done by the worker (`securing.py`). A mailbox is muted
by a link that lies in it alone (`muting.py`).

**Keyturn's own sign-in is asked for by name** beside an app: another way in, past the app's second factor, must not
open by default. A session ends with the transaction that changes the password, which a middleware's store could not do.

Rooms: `records` (rows, and the statements that decide), `passwords` (rules and hashes), `changes` (setting one, with
all that belongs to it), `delivery` (from a message in the outbox to a mail or a webhook).
"""
