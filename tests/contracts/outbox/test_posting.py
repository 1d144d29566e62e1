"""Writing to the outbox: what is promised is committed, together with what it belongs to."""

import asyncio
import time
from itertools import pairwise

from tests.contracts.outbox.table import Note, Rows
from tests.driver.statements import statements_sent

from keyturn.service.outbox.message import new_key
from keyturn.service.outbox.queue import Outbox


def test_keys_that_are_made_one_after_the_other_are_neighbours_and_the_rest_of_each_is_random() -> None:
    before = time.time_ns() // 1_000_000
    keys = [new_key() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    times = [int(key[:12], 16) for key in keys]
    assert all(before <= moment <= after for moment in times)
    assert times == sorted(times)
    rest = [key[12:] for key in keys]
    assert len(set(rest)) == 1000
    assert sum(one < another for one, another in pairwise(rest)) < 600, "about half, where neither follows the other"
    assert {len(key) for key in keys} == {32}


async def test_who_posts_at_the_same_time_shares_a_statement(outbox: Outbox, rows: Rows) -> None:
    with statements_sent() as statements:
        await asyncio.gather(*(outbox.post("note", Note(str(number))) for number in range(100)))

    assert len(await rows.all()) == 100
    assert 1 <= sum("INSERT INTO keyturn_outbox" in statement for statement in statements) <= 2
