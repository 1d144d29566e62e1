"""A code beside the link, for users who read the mail on another device: five tries, each counted before comparing."""

import asyncio
import hmac
import re
from collections import Counter
from datetime import timedelta
from hashlib import sha256

import httpx2
import pytest
from tests.driver.inbox import token_in
from tests.driver.lost_commits import losing_commits
from tests.driver.service import ADA, DAN, GRACE, NEW_PASSWORD, NOBODY, VERIFY, Service, Start, problem
from tests.driver.statements import statements_sent

pytestmark = pytest.mark.any_database

REFUSED = "400 code-refused"
LIN = "lin@northwind.test"
NO_COOLDOWN = {"mailbox_cooldown": timedelta(0), "mailbox_daily": 1_000}


@pytest.fixture
async def coded(start: Start) -> Service:
    return await start(token={"code": True}, limits=NO_COOLDOWN)


async def code(service: Service, email: str = ADA) -> str:
    """Ask for a link and return the code that comes with it."""
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


async def send(service: Service, written: str, email: str = ADA) -> httpx2.Response:
    return await service.anywhere().post(VERIFY, json={"email": email, "code": written})


def other(right: str, nth: int = 1) -> str:
    return f"{(int(right) + nth) % 10**8:08}"


async def guess(service: Service, times: int) -> None:
    """Send so many wrong codes for Ada, at most five for each code that she is sent."""
    for left in range(times, 0, -5):
        right = await code(service)
        for nth in range(min(left, 5)):
            assert problem(await send(service, other(right, nth + 1))) == REFUSED


async def test_a_code_gives_a_token_that_sets_a_password_once(coded: Service) -> None:
    answer = await send(coded, await code(coded))

    assert problem(answer) == "200"
    token = answer.json()["token"]
    assert (await coded.check(token))["expiresAt"] == answer.json()["expiresAt"]
    assert problem(await coded.reset(token)) == "200"
    assert problem(await coded.reset(token)) == "400 link-dead"
    assert await coded.knows(NEW_PASSWORD)
    trail = [(entry.event, entry.outcome) for entry in await coded.trail()]
    assert trail[:3] == [
        ("reset_request", "link_mailed"),
        ("code_check", "code_accepted"),
        ("password_reset", "changed"),
    ]


async def test_a_code_works_once_and_the_link_beside_it_until_a_password_is_set(coded: Service) -> None:
    right = await code(coded)
    link = token_in(coded.inbox.mails[-1])
    token = (await send(coded, right)).json()["token"]

    assert problem(await send(coded, right)) == REFUSED
    assert await coded.works(link)
    await coded.reset(token)
    assert not await coded.works(link)


async def test_a_password_that_was_set_with_the_link_ends_the_code(coded: Service) -> None:
    right = await code(coded)
    await coded.reset(token_in(coded.inbox.mails[-1]))
    assert problem(await send(coded, right)) == REFUSED


@pytest.mark.parametrize("form", ["{0}-{1}", " {0} {1} ", "{0}\u00a0{1}", "{0}.{1}"])
async def test_a_code_may_be_typed_with_what_people_put_between(coded: Service, form: str) -> None:
    right = await code(coded)
    assert problem(await send(coded, form.format(right[:4], right[4:]))) == "200"


@pytest.mark.parametrize("written", ["", "1234567", "123456789", "abcdefgh", "1" * 65, "12345678' OR 1=1"])
@pytest.mark.long
async def test_a_malformed_code_is_no_try(coded: Service, written: str) -> None:
    right = await code(coded)
    for _ in range(6):
        assert problem(await send(coded, written)) == "400 invalid-input"
    assert problem(await send(coded, right)) == "200"


async def test_after_five_tries_the_right_code_is_refused_too(coded: Service) -> None:
    right = await code(coded)
    found = [problem(await send(coded, other(right, nth))) for nth in range(1, 6)]
    assert found == [REFUSED] * 5
    assert problem(await send(coded, right)) == REFUSED


async def test_of_fifty_tries_at_once_five_are_looked_at(coded: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pentagrid had 1,587 guesses at Cognito instead of 20, by sending them at the same time (2021)."""
    compare, looked_at = hmac.compare_digest, list[bytes]()

    def note(written: bytes, kept: bytes) -> bool:
        if kept:
            looked_at.append(written)
        return compare(written, kept)

    monkeypatch.setattr(hmac, "compare_digest", note)
    for _ in range(2):
        right = await code(coded)
        looked_at.clear()
        wrong = await asyncio.gather(*(send(coded, other(right, nth)) for nth in range(1, 51)))
        assert Counter(map(problem, wrong)) == {REFUSED: 50}
        assert len(set(looked_at)) == len(looked_at) == 5
        assert problem(await send(coded, right)) == REFUSED
    assert problem(await send(coded, await code(coded))) == "200", "a hundred tries were ten failures"


async def test_of_fifty_who_send_the_right_code_at_once_one_gets_a_token(coded: Service) -> None:
    right = await code(coded)
    found = await asyncio.gather(*(send(coded, right) for _ in range(50)))
    assert Counter(map(problem, found)) == {"200": 1, REFUSED: 49}


async def test_a_new_code_ends_the_one_before_and_does_not_reset_the_count_of_failures(coded: Service) -> None:
    await guess(coded, 98)
    first = await code(coded)
    second = await code(coded)

    assert problem(await send(coded, first)) == REFUSED
    assert problem(await send(coded, second)) == "200", "this is the hundredth try"
    await guess(coded, 2)
    assert problem(await send(coded, await code(coded))) == "200", "a right code ends the count"


async def test_a_mailbox_that_was_guessed_at_a_hundred_times_in_a_row_gets_no_more_codes(coded: Service) -> None:
    await guess(coded, 99)
    right = await code(coded)

    assert problem(await send(coded, other(right))) == REFUSED
    assert problem(await send(coded, right)) == REFUSED
    token = await coded.link()
    assert not re.search(r"\b\d{8}\b", coded.inbox.mails[-1].text)
    assert problem(await coded.reset(token)) == "200"
    assert await code(coded)  # a link that was used is worth more than what was guessed


@pytest.mark.long
async def test_a_mailbox_that_was_sent_nothing_cannot_be_used_up(coded: Service) -> None:
    for _ in range(101):
        assert problem(await send(coded, "12345678")) == REFUSED
    assert problem(await send(coded, await code(coded))) == "200"


async def test_a_code_works_for_ten_minutes_by_the_clock_of_the_server(coded: Service) -> None:
    right = await code(coded)
    coded.let_time_pass(minutes=9, seconds=50)
    assert problem(await send(coded, right)) == "200"
    right = await code(coded)
    coded.let_time_pass(minutes=10)
    assert problem(await send(coded, right)) == REFUSED


async def test_a_code_is_the_mailboxes_own(coded: Service) -> None:
    bob = "bob@northwind.test"
    await coded.add(bob)
    right = await code(coded)
    await code(coded, bob)
    assert problem(await send(coded, right, bob)) == REFUSED
    assert problem(await send(coded, right, ADA.upper())) == "200"


async def test_an_account_that_was_disabled_since_is_refused(coded: Service) -> None:
    right = await code(coded)
    await coded.change_account(active=False)
    assert problem(await send(coded, right)) == REFUSED


async def test_the_answer_does_not_tell_who_has_an_account_or_a_code(coded: Service) -> None:
    right = await code(coded)
    asked = [(NOBODY, right), (ADA, other(right)), (DAN, right), (GRACE, right), (ADA, other(right, 2))]
    answers = [await send(coded, written, email) for email, written in asked]

    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1


async def test_the_work_is_the_same_for_an_address_without_an_account(coded: Service) -> None:
    right = await code(coded)
    found = []
    for email in (NOBODY, ADA, DAN, GRACE):
        with statements_sent() as statements:
            assert problem(await send(coded, other(right), email)) == REFUSED
        found.append(statements)
    assert all(statements == found[0] for statements in found)
    assert sum("INSERT INTO keyturn_secrets" in text for text in found[0]) == 1
    assert not any("keyturn_accounts" in text for text in found[0])


async def test_waiting_requests_get_the_same_statements(coded: Service) -> None:
    found = []
    for email in (ADA, NOBODY, DAN, ADA):
        await coded.ask(email)
        with statements_sent() as statements:
            await coded.deliver()
        found.append(Counter(text for text in statements if "keyturn_secrets" in text))
    assert found[0]
    assert all(statements == found[0] for statements in found)


async def test_the_database_holds_no_code_and_none_can_be_guessed_from_it(coded: Service, start: Start) -> None:
    right = await code(coded)
    mailbox = sha256(ADA.encode()).digest()
    tried = [right.encode(), right.encode() + mailbox, mailbox + right.encode(), ADA.encode() + right.encode()]
    guesses = [sha256(one).digest() for one in tried] + [hmac.digest(mailbox, right.encode(), "sha256")]
    guesses += [guess.hex().encode() for guess in guesses]
    for _, value in await coded.dump():
        assert right.encode() not in value
        assert value not in guesses
    # To a service with another key the same database opens nothing.
    thief = await start(token={"code": True}, secret_key="fedcba9876543210" * 4)
    assert problem(await send(thief, right)) == REFUSED
    assert problem(await send(coded, right)) == "200"


async def test_after_a_change_of_keys_a_code_of_the_older_one_works(start: Start) -> None:
    older, newer = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    before = await start(token={"code": True}, secret_key=older)
    after = await start(token={"code": True}, secret_key=newer, previous_secret_keys=(older,))
    assert problem(await send(after, await code(before))) == "200"


async def test_tries_are_limited_by_client(start: Start) -> None:
    service = await start(token={"code": True})
    client = service.at("192.0.2.1")
    found = [problem(await client.post(VERIFY, json={"email": NOBODY, "code": "12345678"})) for _ in range(11)]
    assert found == [REFUSED] * 10 + ["429 too-many-requests"]


@pytest.mark.long
async def test_invitations_have_no_code(coded: Service) -> None:
    await coded.add("new@northwind.test", awaits_password=True)
    await coded.ask_and_deliver("new@northwind.test")
    (mail,) = coded.inbox.sent_to("new@northwind.test", "invitation")
    assert not re.search(r"\b\d{8}\b", mail.text)


async def test_without_the_setting_mails_have_no_code_and_there_is_no_route(service: Service) -> None:
    await service.link()
    assert not re.search(r"\b\d{8}\b", service.inbox.mails[-1].text)
    assert problem(await send(service, "12345678")) == "404 not-found"
    assert VERIFY not in (await service.anywhere().get("/schema/openapi.json")).json()["paths"]


async def leave_wrong_codes(service: Service, number: int) -> None:
    """Send so many wrong codes that all clients together may send this number more at once."""
    pupils = [f"pupil-{number}@northwind.test" for number in range(60)]
    for pupil in pupils:
        await service.add(pupil)
        await service.ask(pupil)
    await service.deliver()
    guesses = (pupils * 5)[: 300 - number]
    told: list[httpx2.Response] = []
    for first in range(0, len(guesses), 30):
        several = guesses[first : first + 30]
        told += await asyncio.gather(*(send(service, "00000000", pupil) for pupil in several))
    assert Counter(map(problem, told)) == {REFUSED: len(guesses)}


async def test_wrong_codes_over_all_accounts_are_bounded_and_cost_no_right_one_a_try(
    coded: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await leave_wrong_codes(coded, 3)
    await coded.add(LIN)
    right, of_lin = await code(coded), await code(coded, LIN)
    for number in range(9):  # a stranger's digits for addresses without a code use nothing up
        assert problem(await send(coded, right, f"stranger-{number}@northwind.example")) == REFUSED
    for number in range(1, 4):
        assert problem(await send(coded, other(right, number))) == REFUSED

    for email, digits in (*[(LIN, of_lin)] * 5, (ADA, right), (NOBODY, right)):
        assert problem(await send(coded, digits, email)) == "429 too-many-requests"
    assert caplog.text.count("code.over_budget") == 1
    coded.let_time_pass(minutes=1)
    assert problem(await send(coded, of_lin, LIN)) == "200", "it has lost no try"


async def test_a_call_that_is_refused_while_the_overall_limit_fills_uses_up_no_try(coded: Service) -> None:
    await leave_wrong_codes(coded, 1)
    await coded.add(LIN)
    right = await code(coded, LIN)

    told = Counter(map(problem, await asyncio.gather(*(send(coded, other(right, nth), LIN) for nth in range(1, 9)))))

    assert told == {REFUSED: 1, "429 too-many-requests": 7}
    coded.let_time_pass(minutes=1)
    assert problem(await send(coded, right, LIN)) == "200", "one of five tries is used"


async def test_a_code_whose_exchange_was_committed_without_an_answer_gives_its_token(
    coded: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = await code(coded)
    with losing_commits(monkeypatch, only=2):  # the first counts the try
        answer = await send(coded, right)

    assert problem(answer) == "200"
    assert problem(await send(coded, right)) == REFUSED
    assert problem(await coded.reset(answer.json()["token"])) == "200"
    assert [entry.outcome for entry in await coded.trail("code_check")] == ["code_accepted"]


async def test_wrong_codes_at_the_same_moment_are_bounded_as_well(coded: Service) -> None:
    await leave_wrong_codes(coded, 3)
    emails = [f"lin-{number}@northwind.test" for number in range(6)]
    for email in emails:
        await coded.add(email)
        await coded.ask(email)
    await coded.deliver()

    told = Counter(map(problem, await asyncio.gather(*(send(coded, "00000000", email) for email in emails * 2))))

    assert told == {REFUSED: 3, "429 too-many-requests": 9}


async def test_right_codes_use_nothing_up_of_what_bounds_wrong_ones(coded: Service) -> None:
    await leave_wrong_codes(coded, 2)
    emails = [f"lin-{number}@northwind.test" for number in range(4)]
    for email in emails:
        await coded.add(email)
        right = await code(coded, email)
        assert (await send(coded, right, email)).status_code == 200

    right = await code(coded)
    told = [problem(await send(coded, other(right, number))) for number in range(1, 4)]
    assert told == [REFUSED, REFUSED, "429 too-many-requests"]
