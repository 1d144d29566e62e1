"""The limits of clients, their networks, accounts, and all clients together, over counters in memory."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from keyturn.service.problems.requests import OverBudget, Quota, TooManyRequests
from keyturn.service.reset.rate_limits import RateLimits
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import LimitSettings

HERE, THERE = Client(ip_address="192.0.2.1"), Client(ip_address="192.0.2.2")
ADA, EVE = "ada@northwind.example", "eve@northwind.example"


def limited_to(**rates: Any) -> RateLimits:
    return RateLimits(LimitSettings(**rates))


async def is_full(limits: RateLimits, kind: str, client: Client) -> bool:
    try:
        await limits.count(kind, client)
    except TooManyRequests:
        return True
    return False


async def refusal(limits: RateLimits, clients: Sequence[Client]) -> TooManyRequests:
    """Let the clients ask one after the other, and return the first refusal."""
    for client in clients:
        try:
            await limits.count("request", client)
        except TooManyRequests as refused:
            return refused
    pytest.fail("all were accepted")


async def accepted(limits: RateLimits, tries: int) -> int:
    """Return how many of these requests, one after the other, the limit of all clients lets through."""
    taken = 0
    for number in range(tries):
        try:
            await limits.count("validate", Client(ip_address=f"203.0.113.{number}"), "overall")
        except OverBudget:
            continue
        taken += 1
    return taken


async def test_each_client_and_each_kind_of_request_has_its_own_limit() -> None:
    limits = limited_to(request="1/hour", validate="1/hour", reset="1/hour", login="1/hour")
    for kind in ("request", "validate", "reset", "login"):
        assert not await is_full(limits, kind, HERE)
        assert await is_full(limits, kind, HERE)
        assert not await is_full(limits, kind, THERE)


async def test_the_networks_around_an_ipv6_client_have_limits_of_their_own() -> None:
    limits = limited_to(request="2/hour")
    from_a_56 = [Client(ip_address=f"2001:db8:1:{number:x}::1") for number in range(12)]
    from_a_48 = [Client(ip_address=f"2001:db8:1:{number:x}00::1") for number in range(1, 30)]

    assert [await is_full(limits, "request", client) for client in from_a_56].count(False) == 2 * 4
    assert [await is_full(limits, "request", client) for client in from_a_48].count(False) == 2 * 16 - 2 * 4
    assert not await is_full(limits, "request", Client(ip_address="2001:db8:2::1"))


@pytest.mark.parametrize("client", [HERE, Client(ip_address="2001:db8::1")])
async def test_a_client_uses_up_no_more_of_the_budget_than_its_own_limit(client: Client) -> None:
    limits = limited_to(request="3/hour", overall="8/hour")

    async def ask(one: Client) -> str:
        try:
            await limits.count("request", one, "overall")
        except OverBudget:
            return "over budget"
        except TooManyRequests:
            return "refused"
        return "accepted"

    assert Counter([await ask(client) for _ in range(30)]) == {"accepted": 3, "refused": 27}
    assert [await ask(THERE) for _ in range(4)] == ["accepted"] * 3 + ["refused"]
    others = [await ask(Client(ip_address=f"192.0.2.{10 + number}")) for number in range(6)]
    assert others == ["accepted"] * 2 + ["over budget"] * 4
    assert await ask(Client(ip_address="192.0.2.99")) == "over budget"
    assert await accepted(limits, 3) == 0


@pytest.mark.parametrize(("rate", "gap"), [("1/second", 1), ("3/minute", 20), ("1/15 minutes", 900)])
async def test_a_refusal_says_in_whole_seconds_when_the_next_request_is_let_through(rate: str, gap: int) -> None:
    refused = await refusal(limited_to(request=rate), [HERE] * 4)

    assert refused.retry_after in {max(1, gap - 1), gap}
    assert isinstance(refused.retry_after, int)


async def test_a_refusal_tells_a_client_its_own_quota_and_nothing_of_the_networks_around_it() -> None:
    limits, neighbours = limited_to(request="1/hour"), [Client(ip_address=f"2001:db8::{n}:0:0:0:1") for n in range(5)]
    own = await refusal(limits, neighbours[:1] * 2)
    of_network = await refusal(limits, neighbours[1:])

    assert own.quota == Quota("request", 1, 3_600)
    assert of_network.quota is None


async def test_guesses_count_against_the_account_and_can_be_forgotten() -> None:
    limits = limited_to(account="2/hour")
    await limits.count_guess("address", ADA)
    await limits.count_guess("address", ADA)

    with pytest.raises(TooManyRequests):
        await limits.count_guess("address", ADA)
    await limits.count_guess("account", ADA)
    await limits.count_guess("address", EVE)

    await limits.forget_guesses(ADA)
    await limits.count_guess("address", ADA)


async def test_a_look_counts_nothing_and_says_when_nothing_is_left() -> None:
    limits = limited_to(malformed="2/hour")
    for _ in range(3):
        await limits.require_left("malformed", HERE)
    for _ in range(2):
        await limits.count("malformed", HERE)

    with pytest.raises(TooManyRequests):
        await limits.require_left("malformed", HERE)
