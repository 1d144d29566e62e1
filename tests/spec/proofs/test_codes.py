"""A code beside the link, for users who read the mail on another device: five tries, each counted
before comparing.
"""

import asyncio
import hmac
import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from tests.driver.inbox import token_in
from tests.driver.lost_commits import losing_commits
from tests.driver.service import (
    ADA,
    DAN,
    FREE,
    GRACE,
    NEW_PASSWORD,
    NOBODY,
    VERIFY,
    Service,
    Start,
    problem,
)
from tests.driver.statements import statements_sent
from tests.servers.databases import SOON_ON_SQLITE

pytestmark = pytest.mark.any_database

REFUSED, LIMITED = "400 code-refused", "429 too-many-requests"
LIN = "lin@northwind.test"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"token": {"code": True}, "limits": FREE}


async def code(service: Service, email: str = ADA) -> str:
    before = len(service.inbox.sent_to(email, "password_reset"))
    await service.ask_and_deliver(email)
    (mail,) = service.inbox.sent_to(email, "password_reset")[before:]
    (found,) = re.findall(r"^\d{8}$", mail.text, re.MULTILINE)
    assert found in mail.html
    assert found not in mail.subject
    words = " ".join(mail.text.split())
    assert "We never ask you for it." in words
    assert "unless the link or the code is used." in words
    return str(found)


async def send(service: Service, written: str, email: str = ADA) -> str:
    return problem(await answer_to(service, written, email))


async def answer_to(service: Service, written: str, email: str = ADA) -> httpx2.Response:
    return await service.anywhere().post(VERIFY, json={"email": email, "code": written})


async def at_once(service: Service, codes: Iterable[tuple[str, str]]) -> Counter[str]:
    """Send codes for addresses at the same time; return how often each answer comes."""
    return Counter(await asyncio.gather(*(send(service, digits, email) for email, digits in codes)))


def other(right: str, nth: int = 1) -> str:
    return f"{(int(right) + nth) % 10**8:08}"


async def guess(service: Service, times: int) -> None:
    """Send so many wrong codes for Ada, at most five for each code that she is sent."""
    for left in range(times, 0, -5):
        right = await code(service)
        for nth in range(min(left, 5)):
            assert await send(service, other(right, nth + 1)) == REFUSED


async def test_a_code_gives_a_token_once_that_sets_a_password_and_the_link_works_until_then(
    service: Service,
) -> None:
    right = await code(service)
    link = token_in(service.inbox.mails[-1])
    answer = await answer_to(service, right)
    assert problem(answer) == "200"
    token = answer.json()["token"]
    assert (await service.check(token))["expiresAt"] == answer.json()["expiresAt"]
    assert await send(service, right) == REFUSED
    assert await service.works(link)
    assert problem(await service.reset(token)) == "200"
    assert problem(await service.reset(token)) == "400 link-dead"
    assert not await service.works(link)
    assert await service.knows(NEW_PASSWORD)
    trail = [(entry.event, entry.outcome) for entry in await service.trail()]
    assert trail[0] == ("reset_request", "link_mailed")
    assert [one for one in trail if one[1] in {"code_accepted", "changed"}] == [
        ("code_check", "code_accepted"),
        ("password_reset", "changed"),
    ]


@pytest.mark.long
async def test_a_code_may_be_typed_with_what_people_put_between_and_a_malformed_one_is_no_try(
    service: Service,
) -> None:
    for form in ("{0}-{1}", " {0} {1} ", "{0}\u00a0{1}", "{0}.{1}"):
        right = await code(service)
        for written in ("", "1234567", "123456789", "abcdefgh", "1" * 65, "12345678' OR 1=1"):
            assert await send(service, written) == "400 invalid-input"
        assert await send(service, form.format(right[:4], right[4:])) == "200"


async def test_of_fifty_tries_at_once_five_are_looked_at(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pentagrid had 1,587 guesses at Cognito instead of 20, by sending them at the same time
    (2021).
    """
    compare, looked_at = hmac.compare_digest, list[bytes]()

    def note(written: bytes, kept: bytes) -> bool:
        if kept:
            looked_at.append(written)
        return compare(written, kept)

    monkeypatch.setattr(hmac, "compare_digest", note)
    for _ in range(2):
        right = await code(service)
        looked_at.clear()
        assert await at_once(service, [(ADA, other(right, nth)) for nth in range(1, 51)]) == {
            REFUSED: 50
        }
        assert len(set(looked_at)) == len(looked_at) == 5
        assert await send(service, right) == REFUSED
    assert await send(service, await code(service)) == "200", "a hundred tries were ten failures"


async def test_of_fifty_who_send_the_right_code_at_once_one_gets_a_token(service: Service) -> None:
    assert await at_once(service, [(ADA, await code(service))] * 50) == {"200": 1, REFUSED: 49}


@SOON_ON_SQLITE
async def test_a_new_code_ends_the_one_before_and_does_not_reset_the_count_of_failures(
    service: Service,
) -> None:
    await guess(service, 98)
    first = await code(service)
    second = await code(service)
    assert await send(service, first) == REFUSED
    assert await send(service, second) == "200", "this is the hundredth try"
    await guess(service, 2)
    assert await send(service, await code(service)) == "200", "a right code ends the count"


@SOON_ON_SQLITE
async def test_a_mailbox_that_was_guessed_at_a_hundred_times_in_a_row_gets_no_more_codes(
    service: Service,
) -> None:
    await guess(service, 99)
    right = await code(service)
    assert [await send(service, one) for one in (other(right), right)] == [REFUSED, REFUSED]
    token = await service.link()
    assert not re.search(r"\b\d{8}\b", service.inbox.mails[-1].text)
    assert problem(await service.reset(token)) == "200"
    right = await code(service)  # a link that was used is worth more than what was guessed
    assert problem(await service.reset(await service.newest(), f"{NEW_PASSWORD} again")) == "200"
    assert await send(service, right) == REFUSED, (
        "a password that was set with the link ends the code"
    )


@SOON_ON_SQLITE
@pytest.mark.long
async def test_a_mailbox_that_was_sent_nothing_cannot_be_used_up(service: Service) -> None:
    for _ in range(101):
        assert await send(service, "12345678") == REFUSED
    assert await send(service, await code(service)) == "200"


async def test_a_code_works_for_ten_minutes_for_its_own_mailbox_while_the_account_is_active(
    service: Service,
) -> None:
    await service.add(LIN)
    right, _ = await code(service), await code(service, LIN)
    assert await send(service, right, LIN) == REFUSED
    service.let_time_pass(minutes=9, seconds=50)
    assert await send(service, right, ADA.upper()) == "200"
    right = await code(service)
    service.let_time_pass(minutes=10)
    assert await send(service, right) == REFUSED
    right, of_lin = await code(service), await code(service, LIN)
    await service.change_account(active=False)
    await service.change_account(LIN, email="lin@elsewhere.test")
    assert [await send(service, right), await send(service, of_lin, LIN)] == [REFUSED, REFUSED]


async def test_neither_the_answer_nor_the_work_tells_who_has_an_account_or_a_code(
    service: Service,
) -> None:
    right, work, answers = await code(service), [], []
    for email, written in (
        *((NOBODY, right), (ADA, other(right)), (DAN, right)),
        *((GRACE, right), (ADA, other(right, 2)), (NOBODY, other(right))),
    ):
        with statements_sent() as statements:
            answer = await answer_to(service, written, email)
        work.append(statements)
        answers.append((problem(answer), answer.content, sorted(answer.headers)))
    assert answers == [(REFUSED, *answers[0][1:])] * 6
    assert work == work[:1] * 6
    assert sum("INSERT INTO keyturn_secrets" in text for text in work[0]) == 1
    assert not any("keyturn_accounts" in text for text in work[0])


async def test_the_database_tells_no_code_and_a_change_of_keys_ends_none(
    service: Service, start: Start
) -> None:
    right = await code(service)
    mailbox = sha256(ADA.encode()).digest()
    tried = [
        right.encode(),
        right.encode() + mailbox,
        mailbox + right.encode(),
        ADA.encode() + right.encode(),
    ]
    guesses = [sha256(one).digest() for one in tried] + [
        hmac.digest(mailbox, right.encode(), "sha256")
    ]
    guesses += [guess.hex().encode() for guess in guesses]
    for _, value in await service.dump():
        assert right.encode() not in value
        assert value not in guesses
    # To a service with another key the same database opens nothing.
    older, newer = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    thief = await start(token={"code": True}, secret_key=newer)
    assert await send(thief, right) == REFUSED
    after = await start(token={"code": True}, secret_key=newer, previous_secret_keys=(older,))
    assert await send(after, right) == "200"


async def test_tries_are_limited_by_client(start: Start) -> None:
    client = (await start(token={"code": True})).anywhere()
    found = [
        problem(await client.post(VERIFY, json={"email": NOBODY, "code": "12345678"}))
        for _ in range(11)
    ]
    assert found == [REFUSED] * 10 + [LIMITED]


async def test_invitations_have_no_code_and_without_the_setting_nothing_has(
    service: Service, start: Start
) -> None:
    await service.add(LIN, awaits_password=True)
    await service.ask_and_deliver(LIN)
    (mail,) = service.inbox.sent_to(LIN, "invitation")
    without = await start()
    await without.link()
    for one in (mail, without.inbox.mails[-1]):
        assert not re.search(r"\b\d{8}\b", one.text)
    assert await send(without, "12345678") == "404 not-found"
    assert VERIFY not in (await without.anywhere().get("/schema/openapi.json")).json()["paths"]


async def test_a_code_whose_exchange_lost_its_answer_gives_its_token(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = await code(service)
    with losing_commits(monkeypatch, only=2):  # the first counts the try
        answer = await answer_to(service, right)
    assert problem(answer) == "200"
    assert await send(service, right) == REFUSED
    assert problem(await service.reset(answer.json()["token"])) == "200"
    assert await service.outcomes("code_check") == ["code_accepted"]


# Wrong codes over all accounts


async def leave_wrong_codes(service: Service, number: int) -> None:
    """Send so many wrong codes that all clients together may send this number more at once."""
    pupils = [f"pupil-{number}@northwind.test" for number in range(60)]
    for pupil in (*pupils, LIN):
        await service.add(pupil)
    for pupil in pupils:
        await service.ask(pupil)
    await service.deliver()
    guesses = [(pupil, "00000000") for pupil in (pupils * 5)[: 300 - number]]
    for first in range(0, len(guesses), 30):
        several = guesses[first : first + 30]
        assert await at_once(service, several) == {REFUSED: len(several)}


@SOON_ON_SQLITE
async def test_wrong_codes_over_all_are_bounded_and_cost_no_other_a_try(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await leave_wrong_codes(service, 3)
    right, of_lin = await code(service), await code(service, LIN)
    for number in range(9):  # a stranger's digits for addresses without a code use nothing up
        assert await send(service, right, f"stranger-{number}@northwind.example") == REFUSED
    for number in range(1, 4):
        assert await send(service, other(right, number)) == REFUSED
    for email, digits in (*[(LIN, of_lin)] * 5, (ADA, right), (NOBODY, right)):
        assert await send(service, digits, email) == LIMITED
    assert caplog.text.count("code.over_budget") == 1
    service.let_time_pass(minutes=1)
    assert await send(service, of_lin, LIN) == "200", "it has lost no try"


async def test_wrong_codes_at_one_moment_are_bounded_too_and_a_refused_call_costs_no_try(
    service: Service,
) -> None:
    await leave_wrong_codes(service, 1)
    right = await code(service, LIN)
    told = await at_once(service, [(LIN, other(right, nth)) for nth in range(1, 9)])
    assert told == {REFUSED: 1, LIMITED: 7}
    service.let_time_pass(minutes=1)
    assert await send(service, right, LIN) == "200", "one of five tries is used"


@SOON_ON_SQLITE
async def test_right_codes_use_nothing_up_of_what_bounds_wrong_ones_and_allow_no_more_of_them(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leave_wrong_codes(service, 2)
    for _ in range(2):
        right = await code(service, LIN)
        with losing_commits(monkeypatch, only=2):  # its token's
            assert await send(service, right, LIN) == "200"
    right = await code(service)
    assert [await send(service, other(right, number)) for number in range(1, 4)] == [
        REFUSED,
        REFUSED,
        LIMITED,
    ]
