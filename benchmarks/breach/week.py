"""Simulates the week after a breach: the outbox, the provider's rate, and the hashes of resets and sign-ins.

A discrete-event simulation in two parts. First the mails: `keyturn accounts reset` asks the accounts in waves, other
people request links, resets cause confirmations, and the workers send one mail after the other at the provider's rate.
Then the hashes that follow, on the cores of the API. Pure functions of their arguments; a seed decides what is random.
"""

import heapq
import random
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf

import msgspec

from benchmarks.load.percentiles import percentile

HOUR, DAY = 3600.0, 86_400.0
LARGEST_WAVE = 200
"""Addresses that `keyturn accounts reset` asks in one transaction, or a second's worth if that is less."""

_KEPT = 1_000_000
"""Times that percentiles are taken of: of more mails, each second one, each third one and so on."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What a part costs, as measured.

    `pace`: the share of the provider's rate that two workers reach while mails wait.
    `restart`: seconds without a mail while both workers are ended and started again.
    `hash`: seconds of a core for one bcrypt hash at cost 12.
    `ask` and `mail`: seconds of a core for an account that is asked, and for a mail that a worker makes and sends.
    `waiting`, `sent`, `reset`: bytes of a message that waits, of one that was sent, and of a finished reset.
    """

    pace: float
    restart: float
    hash: float
    ask: float
    mail: float
    waiting: float
    sent: float
    reset: float


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """The assumptions. Rates are a second, times are in seconds.

    `asked`: accounts that the command asks a second; `rate`: mails that the provider takes a second.
    `requests`: links that other people request; `sign_ins`: sign-ins apart from those after a reset.
    `follow`: share of the asked people who set a new password; `delay`: their mean time until then (exponential).
    `answer`: until the provider answers. `places`: mails that all workers hand over at a time (`worker.concurrency`).
    `cores`: cores that hash. `between`: time between two restarts of both workers.
    `until`: when restarts and other people's requests end.
    """

    accounts: int
    asked: float
    rate: float
    answer: float = 0.3
    places: int = 16
    requests: float
    follow: float
    delay: float
    sign_ins: float
    cores: int
    between: float = DAY
    until: float = inf
    quiet: float = DAY
    seed: int = 1


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Of times in seconds."""

    count: int
    median: float
    p95: float
    p99: float
    last: float

    @classmethod
    def of(cls, times: Sequence[float], count: int = 0) -> "Distribution":
        ordered = sorted(times) or [0.0]
        places = {name: percentile(ordered, share) for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99))}
        return cls(count=count or len(times), last=ordered[-1], **places)


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """The counts up to the end of an hour, the database's growth in bytes, and the hour's sign-ins in seconds."""

    asked: int
    left: int
    resets: int
    bytes: float
    p50: float = 0
    p99: float = 0


@dataclass
class Mails:
    """The mails of a simulated breach.

    `leave`: when each asked account's mail left, since the first was asked; `waited`: since it was asked itself.
    `requested`: waits of the links that other people requested. `resets`: the moments of the resets that follow.
    """

    leave: "array[float]"
    waited: "array[float]"
    requested: "array[float]"
    resets: "array[float]"
    confirmations: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated breach. Sign-ins are `quiet` on the day before it. `busy`: share of the API's cores that hash."""

    leave: Distribution
    waited: Distribution
    requested: Distribution
    quiet: Distribution
    sign_ins: Distribution
    resets: Distribution
    mails: int
    busy: float
    bytes: float
    hours: Sequence[Hour]


def simulate(breach: Breach, costs: Costs) -> Result:
    """Simulate the breach until the last mail has left, and the hashes of that time."""
    mails = send_mails(breach, costs)
    end = mails.leave[-1] + costs.restart
    quiet = hash_passwords(breach, costs, array("d"), breach.quiet)
    loud = hash_passwords(breach, costs, mails.resets, end)
    hours = list(_hours(breach, costs, mails, loud, end))
    stride = ceil(breach.accounts / _KEPT)
    return Result(
        leave=Distribution.of(mails.leave[::stride], breach.accounts),
        waited=Distribution.of(mails.waited[::stride], breach.accounts),
        requested=Distribution.of(mails.requested),
        quiet=Distribution.of(quiet.waits),
        sign_ins=Distribution.of(loud.waits),
        resets=Distribution.of(loud.resets),
        mails=len(mails.leave) + len(mails.requested) + mails.confirmations,
        busy=loud.hashes * costs.hash / breach.cores / end,
        bytes=hours[-1].bytes,
        hours=hours,
    )


def send_mails(breach: Breach, costs: Costs) -> Mails:
    """Send every mail in its turn: confirmations first, then the others in the order in which they were asked for."""
    draw = random.Random(breach.seed)  # noqa: S311 - a simulation
    gap, down = 1 / min(breach.rate * costs.pace, breach.places / breach.answer), costs.restart
    waves, others = _waves(breach), _arrivals(draw, breach.requests)
    asked, other, restart = next(waves), _before(breach.until, next(others)), _before(breach.until, breach.between)
    securing: list[float] = []
    mails = Mails(leave=array("d"), waited=array("d"), requested=array("d"), resets=array("d"))
    moment = -gap
    while asked < inf or other < mails.leave[-1]:  # all who asked before the end get their mail
        moment = max(moment + gap, min(asked, other, securing[0] if securing else inf))
        if moment >= restart:
            moment, restart = max(moment, restart + down), _before(breach.until, restart + breach.between)
        if securing and securing[0] <= moment:
            heapq.heappop(securing)
            mails.confirmations += 1
        elif asked <= other:
            mails.leave.append(moment)
            mails.waited.append(moment - asked)
            asked = next(waves, inf)
            if draw.random() < breach.follow:
                follows = moment + draw.expovariate(1 / breach.delay)
                mails.resets.append(follows)
                heapq.heappush(securing, follows)
        else:
            mails.requested.append(moment - other)
            other = _before(breach.until, next(others))
    return mails


def _waves(breach: Breach) -> Iterator[float]:
    """Yield when each account is asked, as `keyturn accounts reset --rate` does it: a wave at a time."""
    size = max(1, min(round(breach.asked), LARGEST_WAVE))
    for number in range(breach.accounts):
        yield number // size * size / breach.asked


def _arrivals(draw: random.Random, rate: float) -> Iterator[float]:
    moment = 0.0
    while rate:
        moment += draw.expovariate(rate)
        yield moment
    while True:
        yield inf


@dataclass
class Hashes:
    """`waits`: of each sign-in; `at`: when it was answered. `resets`: how long each reset took."""

    waits: "array[float]"
    at: "array[float]"
    resets: "array[float]"
    hashes: int = 0


def hash_passwords(breach: Breach, costs: Costs, resets: Sequence[float], end: float) -> Hashes:
    """Hash all that arrives until `end`. Resets have two hashes, go first, and are followed by a sign-in."""
    draw = random.Random(breach.seed + 1)  # noqa: S311 - a simulation
    resetting, arrivals = iter([*sorted(one for one in resets if one < end), inf]), _arrivals(draw, breach.sign_ins)
    reset, sign_in = next(resetting), _before(end, next(arrivals))
    again: deque[float] = deque()
    reserved: deque[tuple[float, int]] = deque()
    strangers: deque[float] = deque()
    free, ends = breach.cores, deque[tuple[float, float, int]]()
    done = Hashes(waits=array("d"), at=array("d"), resets=array("d"))
    while True:
        arrival = min(reset, sign_in, again[0] if again else inf)
        moment = min(arrival, ends[0][0] if ends else inf)
        if moment == inf:
            return done
        if ends and ends[0][0] == moment:
            _, arrived, part = ends.popleft()
            free += 1
            if part == 0:
                done.waits.append(moment - arrived)
                done.at.append(moment)
            elif part == 2:
                done.resets.append(moment - arrived)
                again.extend([moment] * (moment < end))
        elif again and again[0] == moment:
            strangers.append(again.popleft())
        elif reset == moment:
            reserved.extend([(reset, 1), (reset, 2)])
            reset = next(resetting)
        else:
            strangers.append(sign_in)
            sign_in = _before(end, next(arrivals))
        while free and (reserved or strangers):
            arrived, part = reserved.popleft() if reserved else (strangers.popleft(), 0)
            ends.append((moment + costs.hash, arrived, part))  # all take as long, so they end in this order
            free -= 1
            done.hashes += 1


def _before(end: float, moment: float) -> float:
    return moment if moment < end else inf


def _hours(breach: Breach, costs: Costs, mails: Mails, hashes: Hashes, end: float) -> Iterator[Hour]:
    resets, asked, left, reset, answered = sorted(mails.resets), 0, 0, 0, 0
    size = max(1, min(round(breach.asked), LARGEST_WAVE))
    for number in range(ceil(end / HOUR)):
        until = (number + 1) * HOUR
        asked = min(breach.accounts, (int(until * breach.asked) // size + 1) * size)
        left = _count(mails.leave, left, until)
        reset = _count(resets, reset, until)
        first, answered = answered, _count(hashes.at, answered, until)
        waits = sorted(hashes.waits[first:answered]) or [0.0]
        grown = (asked - left) * costs.waiting + left * costs.sent + reset * costs.reset
        grown += breach.requests * min(until, end) * costs.sent
        yield Hour(
            asked=asked,
            left=left,
            resets=reset,
            bytes=grown,
            p50=percentile(waits, 0.5),
            p99=percentile(waits, 0.99),
        )


def _count(times: Sequence[float], start: int, until: float) -> int:
    """Return how many of the ordered times are before `until`, of which `start` are known to be."""
    while start < len(times) and times[start] < until:
        start += 1
    return start
