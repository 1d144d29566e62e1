"""Setting a password, and all that belongs to it.

**One place sets a password** (`service.py`), whoever allows it: a `ChangeAuthorization` is a live link or an open
session. A store in Keyturn's own database joins the transaction. One that is in another system cannot: the
authorization is redeemed and committed first, so that nobody else can use it, then the store is asked. Where it says a
certain no, the authorization is given back (`external_store.py`).

Meanwhile an account lock keeps other changes of that account from beginning, and a message waits in the outbox: where a
process dies in between or an answer is lost, nobody can know whether the store has the password, so sessions and links
end and the confirmation goes out as if it had.
"""
