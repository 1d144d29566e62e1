"""However many messages were settled, those that wait are found at once; posts at one time share a statement."""

import asyncio
import re
from datetime import timedelta

from tests.contracts.outbox.table import Note, Rows, settle_others
from tests.contracts.outbox.worker import post
from tests.contracts.plans import plans_of
from tests.driver.statements import statements_sent

from keyturn.service.database import Database
from keyturn.service.outbox.history import backlog_of
from keyturn.service.outbox.message import Dropped, Sent
from keyturn.service.outbox.queue import Outbox


async def test_messages_are_settled_without_a_look_at_the_others(database: Database, outbox: Outbox) -> None:
    await settle_others(database)
    await post(outbox, "one", "two", "three")
    one, two, three = await outbox.claim(3, timedelta(minutes=1))

    async def settle() -> None:
        nothing = Dropped("nothing to say")
        ends = (one, Sent("resend", "id")), (two, nothing), (three, nothing)
        await asyncio.gather(*(outbox.end(message, end) for message, end in ends))

    plans = await plans_of(database, settle)
    assert len(plans) == 2
    assert not [plan for plan in plans.values() if re.search(r"(Seq Scan on|SCAN) keyturn_outbox\b", plan)], plans


async def test_a_poll_a_claim_and_the_backlog_look_at_what_waits_alone(database: Database, outbox: Outbox) -> None:
    await settle_others(database)

    async def look() -> None:
        await outbox.is_any_due()
        await outbox.claim(10, timedelta(minutes=1), only=["note"])
        await backlog_of(database)

    plans = {sql: plan for sql, plan in (await plans_of(database, look)).items() if "keyturn_outbox" in sql}
    assert len(plans) == 3
    assert all("ix_keyturn_outbox_waiting" in plan for plan in plans.values()), plans


async def test_a_claim_of_abandoned_messages_looks_at_what_is_claimed_alone(database: Database, outbox: Outbox) -> None:
    await settle_others(database)

    async def look() -> None:
        await outbox.claim(1, timedelta(minutes=1), abandoned=True)

    ((_, plan),) = (await plans_of(database, look)).items()
    assert "ix_keyturn_outbox_claimed" in plan


async def test_who_posts_at_the_same_time_shares_a_statement(outbox: Outbox, rows: Rows) -> None:
    with statements_sent() as statements:
        await asyncio.gather(*(outbox.post("note", Note(str(number))) for number in range(100)))

    assert len(await rows.all()) == 100
    assert 1 <= sum("INSERT INTO keyturn_outbox" in statement for statement in statements) <= 2
