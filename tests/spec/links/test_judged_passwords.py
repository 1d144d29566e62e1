"""A form asks whether a password would be accepted, with a live link alone, and nothing is used up
by it.
"""

from typing import Any

from tests.driver.service import ADA, NEW_PASSWORD, NOBODY, PASSWORD, Service, Start, problem
from tests.servers.databases import ON_SQLITE
from tests.servers.pwned_passwords import running_ranges

pytestmark = ON_SQLITE

CHECK = "/api/auth/check-password"
WEAK: dict[str, set[str]] = {
    "": {"min_length"},
    "password": {"min_length", "common"},
    **{
        weak: {"common"}
        for weak in ("ThisIsMyPassword", "Summer2026!!!", "qwertyuiop[]", "ji32k7au4a83")
    },
    ADA: {"personal"},
    "Northwind School": {"personal"},
    **{
        long: {"max_bytes"}
        for long in ("Nine quiet herons " * 5, "Nine quiet herons " * 3 + "\U0001f511" * 5)
    },
}


async def judgement(
    service: Service, token: str, password: str, language: str = "en"
) -> dict[str, Any]:
    body = {"token": token, "password": password}
    answer = await service.anywhere().post(CHECK, json=body, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_password_is_judged_as_the_reset_judges_it_and_the_link_lives(
    service: Service,
) -> None:
    """Each rule has its table in tests/functions/passwords/test_policy.py."""
    token = await service.link()
    for password in (NEW_PASSWORD, PASSWORD):  # whether it is the account's own is not said
        assert await judgement(service, token, password) == {"accepted": True, "violations": []}
    for password, rules in WEAK.items():
        found = await judgement(service, token, password)
        refused = await service.reset(token, password)
        assert problem(refused) == "422 password-rejected"
        assert found == {"accepted": False, "violations": refused.json()["violations"]}
        assert {broken["rule"] for broken in found["violations"]} == rules
        assert ("72 bytes" in refused.json()["detail"]) == ("max_bytes" in rules)
    assert await service.works(token)
    assert await service.knows(PASSWORD)
    body = {"token": token, "password": NEW_PASSWORD}
    answers = [
        await service.anywhere().post(CHECK, json=body | {"email": email})
        for email in (NOBODY, ADA)
    ]
    assert [problem(answer) for answer in answers] == ["400 link-dead", "200"]


async def test_leaked_ones_are_named_in_the_reader_s_language_and_nothing_without_a_live_link(
    start: Start,
) -> None:
    async with running_ranges() as server:
        server.leaked = {NEW_PASSWORD: 3}
        service = await start(password={"breaches": server.url})
        token = await service.link()
        found = await judgement(service, token, NEW_PASSWORD, "fr")
        message = "pas un mot de passe issu d’une fuite de données connue"
        assert found["violations"] == [{"rule": "breached", "message": message}]

        assert problem(await service.reset(token, "nineteen patient herons")) == "200"
        server.asked.clear()
        for dead in (token, "x" * 43):
            for password in ("short", NEW_PASSWORD):
                answer = await service.anywhere().post(
                    CHECK, json={"token": dead, "password": password}
                )
                assert problem(answer) == "400 link-dead"
        assert server.asked == []
    assert await service.outcomes("password_check") == ["link_used", "link_used"]


async def test_it_counts_like_a_check_of_the_link_and_is_in_the_figures(start: Start) -> None:
    service = await start(limits={"client": "3/minute"})
    token, client = await service.link(), service.anywhere()
    answers = [
        await client.post(CHECK, json={"token": token, "password": NEW_PASSWORD}) for _ in range(4)
    ]
    assert [problem(answer) for answer in answers] == ["200"] * 3 + ["429 too-many-requests"]
    found = await service.figures("requests_total")
    assert (found["check,accepted"], found["check,limited"]) == (3, 1)
