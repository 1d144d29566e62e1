"""Limits how often a client and an account may do something, in memory, or in a store that all processes share.

**Limits come first, then the outbox.** A client's limit answers 429 before anything is written. The worker applies a
mailbox's cooldown, so no response reveals it. If the store of the limits cannot be reached, every request is refused
(OWASP ASVS 16.5.3).

**PostgreSQL is that store unless the settings say otherwise**: each process has it anyway. One statement counts all
requests that wait at that moment, so a busy process makes few trips. Each statement commits by
itself, so a process that is suspended holds no lock of a window.

Declined: Litestar's own middleware for limits. Across processes its reads and writes are not atomic, and its key leaves
out the path. The library `limits`, whose in-memory windows a thread sweeps for each key: that took 60 % of a core with
4,000 clients.
"""
