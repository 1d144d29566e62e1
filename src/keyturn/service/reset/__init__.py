"""The rules of a password reset, without HTTP. Each of its five steps has a file (ARCHITECTURE.md).

**A link is minted, stored, found and used in four places**: `link_mails.py` mints it with its mail
(`records/links.py`), the handler of the request stores both in one transaction (`answer.py`),
`link_lookup.py` finds it, and `change_by_link.py` uses it up. Links are also minted for a code, for
"this was not me" and for an operator. `records/lifetimes.py` says how long each works.

**The work is the same if no mail is wanted**, so its time does not tell which addresses have an
account (OWASP ASVS 6.3.8). If all requests of a claim are refused, the handler drafts a decoy, and
`link_mails.py` writes its mail. It is sealed (`mails/delivery.py`), and an account that does not
exist is held for it (`Transaction.hold`). The same statements then count and store nothing: what is
given to them says `is_wanted` (`MailClaim`, `ToStore`, `NewMessage`), and `Outbox.seal` and
`Outbox.drop` run with nothing to write, too.

**The answer to a commit may be lost**: `change.py` says what happens then.

**"This was not me" needs no sign-in, and a mailbox speaks for itself alone**: the button ends no
links of another mailbox, and locks no account that has moved to another address
(`records/intrusions.py`; `docs/security.md` lists the states).

**Beside an app, Keyturn's own sign-in is off unless the settings name it.** Otherwise there would
be a second way in, which does not ask for the app's second factor.
"""
