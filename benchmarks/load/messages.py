"""The order that the load's process reads, and the measurement that it returns."""

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request.

    Each peer writes a JSON file of requests for each operation that it supports.
    """

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
    """The requests to send, and where to send them.

    `requests`: a JSON file of requests. The client starts over after the last one, unless `seconds`
    is 0.
    `first`: the index of the first request to send.
    `most`: the number of requests to send; 0 for no limit, or for the whole file if `seconds` is 0.
    `seconds`: the duration of the measurement; 0 to send each request once.
    `warm_up`: the longest time before the measurement in seconds. The warm-up ends earlier if the
    rate is flat.
    `pace`: requests a second; 0 for as many as possible. With a pace, an answer's time counts from
    the moment when its request was due.
    `window`: the length of the windows in seconds.
    `processes`: process ids by name, for the processor time of each with its descendants.
    """

    port: int
    requests: str
    connections: int
    seconds: float = 0
    first: int = 0
    most: int = 0
    warm_up: float = 0
    pace: float = 0
    window: float = 0.25
    processes: dict[str, int] = {}


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a load.

    `p50` and `p99`: times in milliseconds.
    `cpu`: processor time in seconds, by name of the process.
    `sent`: requests sent, warm-up included.
    `windows`: the p99 of each window.
    `ended`: the end of the measurement, in seconds since the epoch.
    `answers`: the statuses of requests that are sent once, in order; 0 for a request without an
    answer.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    statuses: dict[int, int]
    cpu: dict[str, float]
    sent: int
    windows: list[float]
    ended: float
    answers: list[int] = []

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def cpu_each(self, process: str = "server") -> float:
        """Return the microseconds of processor time for each request."""
        return self.cpu[process] / max(self.requests, 1) * 1e6
