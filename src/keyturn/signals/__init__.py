"""Tells other systems of an account's security events, and hears theirs (OpenID's Shared Signals Framework 1.0).

**An event is a message of the outbox**, of a kind for each receiver (`signal_NAME`). It is written in the transaction
of what happened, and pushed by a lane of its own (RFC 8935). Events of a polled or paused stream are messages that are
due only when they expire: a poll reads them, and an acknowledgement settles them (RFC 8936).

**A try signs the event again**, with the key of that moment. Its `jti` is the message's key, so each try has the same.

**A receiver has one stream**: by the settings, or by the stream API. What a receiver chooses is encrypted in the
database, since it may contain the secret that a receiver wants to be sent. A push goes only to origins of the settings:
the API must not lead requests into a network (OWASP SSRF Prevention Cheat Sheet).

**An event of another system** is verified here (`received.py`), pushed or fetched (`polling.py`), and does what it asks
for in `reset/hijacked_mailboxes.py`.

Not built, since the CAEP Interoperability Profile does not require it: adding and removing subjects (each stream is
about all accounts), several streams of one receiver, encrypted tokens.
"""
