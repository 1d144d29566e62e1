"""The metrics of a process, for Prometheus.

Names and units follow https://prometheus.io/docs/practices/naming/.
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
"""The arguments of `exposition`, with their names and meanings for Prometheus."""


class Meters:
    """The metrics of one app. Labels have few values, so that there are few series.

    `request`: counts calls by kind and outcome, which is "accepted" or the problem's `outcome`.
    `breach_lookup`: counts look-ups, as breached, clear or failed.
    `challenge`: counts answers to challenges, as passed, missing, failed (not judged), or by the
    `Fault` of the answer.
    `suppression`: counts the reports after which a mailbox gets no more mails.
    `password_hash.time()`: measures the seconds of a hash, without its wait in the queue.
    """

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry

        def counter(name: str, text: str, *labels: str) -> Callable[..., None]:
            # The cache halves the time of a count.
            series = cache(Counter(name, text, labels, registry=registry).labels)

            def add(*values: str, count: int = 1) -> None:
                series(*values).inc(count)

            return add

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
        # `increase()` does not see the first count of a series that begins at 1.
        for reason in _SUPPRESSIONS:
            self.suppression(reason, count=0)
        # Processes that share a folder each answer with the counts of all. The figures of a single
        # process, such as its memory, are then left out.
        shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if shared:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry, shared)
        else:
            ProcessCollector(registry=registry)
        self._figures: Mapping[str, float] = {}
        self._registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures of the last call of `exposition`; the registry calls this."""
        for figure, (name, text) in _GAUGES.items():
            yield GaugeMetricFamily(name, text, self._figures.get(figure, math.nan))

    def message(self, kind: str, outcome: str, count: int = 1) -> None:
        """Count attempts to deliver messages: sent, dropped, retried, parked, dead."""
        self._messages(kind, outcome, count=count)

    def delivery(self, kind: str, seconds: float) -> None:
        """Record the seconds from a message's commit until the provider or the app accepted it."""
        self._deliveries(kind).observe(seconds)

    def exposition(self, **figures: float) -> bytes:
        """Return all metrics in Prometheus' text format.

        `figures`: the values of `_GAUGES`; a missing one is NaN.
        """
        self._figures = figures
        return generate_latest(self._registry)


Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


def count_calls(kind: str) -> Callable[[Method], Method]:
    """Return a decorator that counts each call of a method by its outcome.

    The method's object must have `meters`.
    """

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
