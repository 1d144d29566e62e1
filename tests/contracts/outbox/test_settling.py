"""How a message ends, also when its worker comes late; mails at rest are sealed."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection
from tests.contracts.outbox.conftest import Note, Rows

from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.message import Dead, Dropped, Message, Seal, SealBroken, Sent
from keyturn.service.outbox.queue import LeaseLost, Outbox

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def message(outbox: Outbox) -> Message:
    await outbox.post("note", Note("hello"))
    (message,) = await outbox.claim(1, MINUTE)
    return message


@pytest.fixture
async def late(outbox: Outbox) -> Message:
    """Claim a message with a lease that is over at once."""
    await outbox.post("note", Note("hello"))
    (message,) = await outbox.claim(1, timedelta(0))
    return message


@pytest.fixture
async def current(late: Message, elsewhere: Outbox) -> Message:
    """Claim the same message in another process, which now holds it."""
    (message,) = await elsewhere.claim(1, MINUTE, abandoned=True)
    assert message.id == late.id
    return message


async def keep(database: Database, outbox: Outbox, message: Message, sealed: bytes) -> None:
    def write(connection: Connection) -> None:
        held = outbox.within(connection)
        held.require(message)
        held.seal([(msgspec.structs.replace(message, sender="resend"), sealed)])

    await database.transact(write)


def report(outbox: Outbox, message_id: int, told: Sent, connection: Connection) -> None:
    outbox.within(connection).end_reported(message_id, told)


sent = partial(Sent, "resend")
GIVEN_UP = [Dead("given up"), Dropped("given up")]


@pytest.mark.parametrize(
    ("end", "state"), [(Dropped("because"), "dropped"), (Dead("because"), "dead")]
)
async def test_an_end_without_a_mail_says_why_and_has_no_seal(
    database: Database,
    outbox: Outbox,
    message: Message,
    rows: Rows,
    end: Dropped | Dead,
    state: str,
) -> None:
    await keep(database, outbox, message, b"sealed")
    await outbox.end(message, end)

    row = await rows.only()
    assert (row.state, row.reason, row.sealed, row.claim) == (state, "because", None, None)
    assert row.settled_at is not None


async def test_long_words_of_a_provider_are_cut_to_the_columns(outbox: Outbox, rows: Rows) -> None:
    for name in ("one", "two", "three"):
        await outbox.post("note", Note(name))
    one, two, three = await outbox.claim(3, MINUTE)
    await outbox.end(one, sent("i" * 500))
    await outbox.end(two, Dead("r" * 500))
    await outbox.postpone(three, now(), "p" * 500)

    assert [row.provider_id or row.reason for row in await rows.all()] == [
        "i" * 120,
        "r" * 120,
        "p" * 120,
    ]


@pytest.mark.parametrize("is_late_first", [True, False])
@pytest.mark.parametrize("end", [*GIVEN_UP, sent("id-2")])
async def test_a_success_stands_whatever_the_other_says_before_or_after_it(
    outbox: Outbox,
    elsewhere: Outbox,
    late: Message,
    current: Message,
    rows: Rows,
    end: Any,
    is_late_first: bool,
) -> None:
    ends = [(outbox, late, sent("id-1")), (elsewhere, current, end)]
    for where, message, settlement in ends if is_late_first else reversed(ends):
        await where.end(message, settlement)

    row = await rows.only()
    first = "id-1" if is_late_first or end in GIVEN_UP else "id-2"
    assert (row.state, row.provider_id, row.reason) == ("sent", first, None)


async def test_a_late_failure_changes_nothing(
    outbox: Outbox, late: Message, current: Message, rows: Rows
) -> None:
    held = await rows.only()
    await outbox.postpone(late, now(), "late")
    await outbox.postpone(late, now(), "late", event="parked", crashes=0)
    await outbox.end(late, Dead("late"))
    await outbox.end(late, Dropped("late"))

    assert await rows.only() == held
    assert held.claim == current.claim


async def test_of_several_ends_at_once_that_it_was_sent_counts(
    outbox: Outbox, message: Message, rows: Rows
) -> None:
    await asyncio.gather(
        *(outbox.end(message, end) for end in (Dropped("nobody"), sent("id"), Dead("too late")))
    )

    assert await rows.states() == ["sent"]


async def test_a_worker_holds_a_message_under_the_newer_of_its_two_claims_whose_end_counts(
    database: Database, outbox: Outbox, late: Message, rows: Rows
) -> None:
    def held(message: Message, connection: Connection) -> Collection[int]:
        return outbox.within(connection).lock([message])

    (again,) = await outbox.claim(1, MINUTE, abandoned=True)  # which has lost it while it was slow
    assert await database.transact(partial(held, late)) == set()
    assert await database.transact(partial(held, again)) == {again.id}
    await asyncio.gather(outbox.end(late, Dropped("late")), outbox.end(again, Dropped("current")))

    row = await rows.only()
    assert (row.state, row.reason) == ("dropped", "current")


async def test_who_lost_the_message_replaces_no_mail_and_hands_it_to_no_other_provider(
    database: Database,
    outbox: Outbox,
    late: Message,
    current: Message,
    elsewhere: Outbox,
    rows: Rows,
) -> None:
    await keep(database, elsewhere, current, b"the mail that is being sent")
    await elsewhere.change(current, sender="smtp")

    with pytest.raises(LeaseLost):
        await keep(database, outbox, late, b"another token, another mail")
    with pytest.raises(LeaseLost):
        await outbox.change(late, sender="resend")
    row = await rows.only()
    assert (row.sealed, row.sender) == (b"the mail that is being sent", "smtp")


async def test_a_report_settles_what_waits_and_whoever_held_it_decides_nothing_any_more(
    database: Database, outbox: Outbox, message: Message, rows: Rows
) -> None:
    await keep(database, outbox, message, b"sealed")
    for told in (sent("id-1"), sent("id-2")):
        await database.transact(partial(report, outbox, message.id, told))
    await outbox.end(message, Dead("given up"))
    await outbox.postpone(message, now() + MINUTE, "no answer")

    row = await rows.only()
    assert (row.state, row.sender, row.provider_id, row.sealed) == ("sent", "resend", "id-1", None)
    assert await outbox.claim(1, MINUTE) == []


OLD, NEW = "an old secret key of some length", "a new secret key of some length!"
MAIL = b"https://account.example.org/reset-password/token " * 50


def test_a_sealed_mail_is_small_and_never_the_same_and_needs_its_key() -> None:
    sealed = Seal([NEW, OLD]).close(MAIL)

    assert len(sealed) < len(MAIL) / 4
    assert Seal([NEW]).close(MAIL) != sealed
    assert Seal([NEW]).open(sealed) == MAIL
    with pytest.raises(SealBroken):
        Seal([OLD]).open(sealed)


SEALED = Seal([NEW]).close(MAIL)
TAMPERED = [
    SEALED[:place] + bytes([SEALED[place] ^ 1]) + SEALED[place + 1 :]
    for place in (0, 10, 40, len(SEALED) - 1)
]


@pytest.mark.parametrize("sealed", [*TAMPERED, b"", b"plain", b"\xff" * 100], ids=len)
def test_what_was_changed_or_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        Seal([NEW]).open(sealed)
