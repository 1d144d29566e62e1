"""How often a client and an account may do something: limits in memory, or in a Redis that all processes share.

**Limits come first, then the outbox.** A client's limit answers 429 before anything is written; a mailbox's cooldown is
kept in the worker, where its answer cannot be seen. If the store of the limits cannot be reached, no request is let
through (OWASP ASVS 16.5.3).

Declined: Litestar's own middleware for limits. Across processes it reads and writes without atomicity, and it leaves
the path out of its key; `limits` does both in Redis. The windows of `limits` in memory are not used either: they are
swept from a thread for each key, which with 4,000 clients took 60 % of a core.
"""
