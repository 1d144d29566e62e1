"""The meters on prometheus_client. Names and units follow https://prometheus.io/docs/practices/naming/."""

import math
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from keyturn.telemetry.meters import Meters

_DELIVERY = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
_HASH = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1, 2.5)


class PrometheusMeters(Meters):
    """Counts for Prometheus, with a registry for each app, so that two apps in a process do not add up."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        labels = ("kind", "outcome")
        requests = Counter("keyturn_requests", "What was asked for.", labels, registry=registry)
        messages = Counter("keyturn_messages", "Tries to deliver a message.", labels, registry=registry)
        lookups = Counter("keyturn_breach_lookups", "Passwords looked for in leaks.", ("outcome",), registry=registry)
        self._lookups = cache(lookups.labels)
        challenges = Counter(
            "keyturn_challenges", "Challenges asked for and answered.", ("outcome",), registry=registry
        )
        self._challenges = cache(challenges.labels)
        self._requests, self._messages = cache(requests.labels), cache(messages.labels)  # a count takes half the time
        deliveries = Histogram(
            "keyturn_delivery_seconds",
            "From the commit of a message until it was accepted.",
            ("kind",),
            registry=registry,
            buckets=_DELIVERY,
        )
        self._deliveries = cache(deliveries.labels)
        self._hashes = Histogram(
            "keyturn_password_hash_seconds",
            "One bcrypt hash, without its time in the queue.",
            registry=registry,
            buckets=_HASH,
        )
        self._waiting = Gauge("keyturn_outbox_waiting", "Messages that are not settled.", registry=registry)
        self._oldest = Gauge("keyturn_outbox_oldest_seconds", "Age of the oldest of them.", registry=registry)
        ProcessCollector(registry=registry)

    def request(self, kind: str, outcome: str) -> None:
        self._requests(kind, outcome).inc()

    def message(self, kind: str, outcome: str, count: int = 1) -> None:
        self._messages(kind, outcome).inc(count)

    def delivery(self, kind: str, seconds: float) -> None:
        self._deliveries(kind).observe(seconds)

    def breach_lookup(self, outcome: str) -> None:
        self._lookups(outcome).inc()

    def challenge(self, outcome: str) -> None:
        self._challenges(outcome).inc()

    def password_hash(self, seconds: float) -> None:
        self._hashes.observe(seconds)

    def exposition(self, *, waiting: float = math.nan, oldest: float = math.nan) -> bytes:
        """Return all metrics in Prometheus' text format.

        `waiting`: number of messages that are not settled. `oldest`: age of the oldest in seconds. NaN if unknown.
        """
        self._waiting.set(waiting)
        self._oldest.set(oldest)
        return generate_latest(self._registry)
