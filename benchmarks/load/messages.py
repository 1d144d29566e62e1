"""What the load's process is told, and what it answers."""

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request as it is sent. A peer writes lists of them as JSON, for what it is asked."""

    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: str = ""

    def encode(self) -> bytes:
        body = self.body.encode()
        kind = {"Content-Type": "application/json"} if self.body else {}
        headers = {"Host": "127.0.0.1", **kind, **self.headers, "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and where.

    `requests` is a JSON file; they are sent from the `first` on, again from the beginning after the last, but each once
    where `seconds` is 0. `seconds` is how long is measured, after a warm-up of at most `warm_up` seconds that ends when
    the rate is flat. With a `pace` that many are sent each second, and an answer's time counts from when its request
    was due. The processor time of `processes`, by name, is that of these and of all that they started.
    """

    ports: list[int]
    requests: str
    connections: int
    seconds: float = 0
    first: int = 0
    most: int = 0
    warm_up: float = 0
    pace: float = 0
    window: float = 0.25
    processes: dict[str, int] = {}


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered until `end`, in seconds since the start of the measurement; times in milliseconds."""

    end: float
    requests: int
    p50: float
    p99: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. `sent` is how many requests were begun, warm-up included; `cpu` is in seconds.

    `ended` is when, in seconds since the epoch.

    `answers` are the statuses of requests that were to be sent once, in their order; 0 where there was no answer.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    statuses: dict[int, int]
    cpu: dict[str, float]
    sent: int
    warmed_up: float
    windows: list[Window]
    ended: float
    answers: list[int] = []

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def cpu_each(self, process: str = "server") -> float:
        """Return the microseconds of processor time for each request."""
        return self.cpu[process] / max(self.requests, 1) * 1e6
