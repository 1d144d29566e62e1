"""Rate limits of requests, by client and by account (OWASP ASVS 6.3.1, 2.4.1), and their counters.

**A challenge comes first, then the limits, then the outbox.** A client over its limit gets 429
before the outbox is used. The worker applies a mailbox's cooldown, so no response reveals it. If
the counters cannot be reached, every request is refused with LimitsUnready: an attacker who can
bring them down must not get unlimited guesses (OWASP ASVS 16.5.3).

**Where a new limit goes.** Another rate for clients is a kind in `rate_limits.py`, with a fixed
rate or a field of `LimitSettings`; its route calls `RateLimits.count`. Another group of clients,
such as all of a network, is one more `Limit` in `RateLimits.count`, in the same `_count` as the
client's own, so that a refused request uses up neither. A limit that must be counted in the
caller's transaction, such as that of a mailbox or of wrong codes, is a `Limit` beside its rule,
and counted by `Transaction.counters`.

**PostgreSQL counts for all processes** unless the settings say otherwise. SQLite would wait for the
disk at each count, so the one process that uses the file counts clients in memory
(`counting_alone`).

The generic cell rate algorithm (GCRA; ITU-T I.371, annex A; https://brandur.org/rate-limiting)
stores only the time at which a counter is empty again, its theoretical arrival time (TAT).
"3/minute" lets three requests through at once and refuses the fourth, then lets one through every
20 seconds. A refused request is not counted. A counter is empty if it has no row, or if its TAT is
in the past: such rows may be deleted at any time.

Declined: the library `limits`. One of its threads sweeps the counters in memory, which took 60 % of
a core with 4,000 clients.
"""

from keyturn.service.limits.limit import Hit, Limit
from keyturn.service.limits.memory_counters import MemoryCounters, counting_alone
from keyturn.service.limits.rate_limits import RateLimits
from keyturn.service.limits.shared_counters import with_stored_counters
from keyturn.service.limits.statements import LimitRow
from keyturn.service.limits.stored_counters import StoredCounters

__all__ = [
    "Hit",
    "Limit",
    "LimitRow",
    "MemoryCounters",
    "RateLimits",
    "StoredCounters",
    "counting_alone",
    "with_stored_counters",
]
