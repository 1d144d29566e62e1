"""Takes samples of each peer in turn, round by round."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benchmarks.comparison.entering import Field
from benchmarks.comparison.samples import Sample
from benchmarks.load import run_load
from benchmarks.load.messages import Order
from benchmarks.plan import ENGINES, Plan
from benchmarks.progress import Tell


class Sampling:
    """Measures the peers of a field one after the other. Each sample continues where the last requests ended."""

    def __init__(self, field: Field, plan: Plan, tell: Tell) -> None:
        self._field = field
        self._plan = plan
        self._tell = tell
        self._sent = defaultdict[tuple[str, str], int](int)

    def rounds(self, operations: Sequence[str], connections: Sequence[int]) -> Iterator[Sample]:
        """In each round, send the same requests to every peer that supports the operation, one after the other."""
        for number in range(self._plan.rounds):
            for count in connections:
                for operation in operations:
                    for name, peer in self._field.peers.items():
                        if peer.requests(operation).exists():
                            yield self.sample(name, operation, count, number)

    def sample(self, name: str, operation: str, connections: int, number: int, *, count: int = 0) -> Sample:
        """Measure for the plan's seconds, or, with a `count`, until that many requests are answered."""
        peer, database = self._field.peers[name], self._field.database
        order = Order(
            ports=[peer.port],
            requests=str(peer.requests(operation)),
            connections=connections,
            most=count,
            seconds=0 if count else self._plan.seconds,
            warm_up=0 if count else self._plan.warm_up,
            first=self._sent[name, operation],
            processes={"server": peer.pid} | ({"database": database} if database else {}),
        )
        found = run_load(order, self._field.cores.load)
        self._sent[name, operation] += found.sent
        sample = Sample(
            engine=self._field.engine,
            operation=operation,
            connections=connections,
            peer=name,
            round=number,
            rate=found.rate,
            p50=found.p50,
            p99=found.p99,
            cpu=found.cpu_each(),
            database_cpu=found.cpu_each("database") if database else 0,
            warmed_up=found.warmed_up,
        )
        self.tell(sample)
        return sample

    def tell(self, sample: Sample) -> None:
        self._tell(
            f"{ENGINES[sample.engine]}, round {sample.round + 1} of {self._plan.rounds}, {sample.operation},"
            f" {sample.connections} connections: {sample.peer} {sample.rate:,.4g}/s"
        )
