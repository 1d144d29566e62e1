"""What is counted and measured, for Prometheus: names and units follow
https://prometheus.io/docs/practices/naming/.
"""

import math
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cache, wraps
from typing import Any, TypeVar, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from keyturn.errors import KeyturnError
from keyturn.service.problems.problem import outcome_of

ACCEPTED = "accepted"
"""The outcome of a successful call."""

_DELIVERY = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
_SUPPRESSIONS = ("bounced", "complained", "suppressed")
_HASH = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1, 2.5)
_GAUGES = {
    "ready": ("keyturn_ready", "1 if /health/ready would answer 200, else 0."),
    "waiting": ("keyturn_outbox_waiting", "Messages that wait to be sent."),
    "oldest": ("keyturn_outbox_oldest_seconds", "Age of the oldest waiting message, in seconds."),
    "oldest_mail": (
        "keyturn_outbox_oldest_mail_seconds",
        "Age of the oldest waiting mail, in seconds.",
    ),
}
"""The figures that `exposition` is told, with their names and meanings for Prometheus."""


class Meters:
    """Counts for Prometheus, with a registry for each app, and labels of fixed lists, so that
    series stay few.

    `request` counts calls by kind and outcome ("accepted", or the problem's `outcome`),
    `breach_lookup` breached, clear and failed look-ups, `challenge` passed, missing, failed (could
    not be judged), or the `Fault` of an answer, `suppression` reports that end a mailbox's mails.
    `password_hash.time()`: the seconds of a hash without its queue.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Callable[..., None]:
            series = cache(
                Counter(name, text, labels, registry=registry).labels
            )  # a count takes half the time
            return lambda *values, count=1: series(*values).inc(count)

        self.request = counter(
            "keyturn_requests", "Requests by kind and outcome.", "kind", "outcome"
        )
        self._messages = counter(
            "keyturn_messages", "Attempts to deliver a message.", "kind", "outcome"
        )
        self.breach_lookup = counter(
            "keyturn_breach_lookups", "Checks of a password against leaked passwords.", "outcome"
        )
        self.challenge = counter(
            "keyturn_challenges", "Challenges that were required or answered.", "outcome"
        )
        deliveries = Histogram(
            "keyturn_delivery_seconds",
            "Seconds from the commit of a message until it was accepted.",
            ("kind",),
            registry=registry,
            buckets=_DELIVERY,
        )
        self._deliveries = cache(deliveries.labels)
        self.password_hash = Histogram(
            "keyturn_password_hash_seconds",
            "Seconds for one password hash, without its time in the queue.",
            registry=registry,
            buckets=_HASH,
        )
        self.suppression = counter(
            "keyturn_suppressions", "Mailboxes that get no more mail, by the report.", "reason"
        )
        for reason in (
            _SUPPRESSIONS
        ):  # `increase()` does not see the first count of a series that begins at 1
            self.suppression(reason, count=0)
        # Processes that share a folder each answer for all; what a process says of itself is then
        # left out.
        if shared := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry, shared)
        else:
            ProcessCollector(registry=registry)
        self._figures: Mapping[str, float] = {}
        self._registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the last call of `exposition` was told."""
        for figure, (name, text) in _GAUGES.items():
            yield GaugeMetricFamily(name, text, self._figures.get(figure, math.nan))

    def message(self, kind: str, outcome: str, count: int = 1) -> None:
        """Count attempts to deliver messages: sent, dropped, retried, parked, dead."""
        self._messages(kind, outcome, count=count)

    def delivery(self, kind: str, seconds: float) -> None:
        """Record a message's delivery time in seconds, from its commit until the provider or the
        app accepted it.
        """
        self._deliveries(kind).observe(seconds)

    def exposition(self, **figures: float) -> bytes:
        """Return all metrics in Prometheus' text format, with the figures of `_GAUGES`.

        One that is unknown is NaN.
        """
        self._figures = figures
        return generate_latest(self._registry)


Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


def count_calls(kind: str) -> Callable[[Method], Method]:
    """Decorate a method of an object with `meters`, so that each call is counted by its outcome."""

    def decorate(method: Method) -> Method:
        @wraps(method)
        async def count(itself: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                result = await method(itself, *args, **kwargs)
            except Exception as error:
                itself.meters.request(kind, outcome_of(error))
                if isinstance(error, KeyturnError):
                    error.counted = True
                raise
            itself.meters.request(kind, ACCEPTED)
            return result

        return cast("Method", count)

    return decorate
