"""docs/reliability.md: wrong codes of a second step are counted for their link and for its account,
each for itself.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.driver import store_faults as faults
from tests.driver.second_factors import BUILTIN, enrol, reset_with, wrong_code
from tests.driver.service import Start

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

FREE = {"mailbox_cooldown": timedelta(0), "mailbox_daily": 100, "account": "100/minute"}


DEAD = "second_step"


@pytest.mark.parametrize(
    ("links", "fault", "left"),
    [
        # The fifth of the account ends the second link. The fifth of the first link ends that one,
        # too.
        ("111121", "", [4, 3, 2, 1, DEAD, DEAD]),
        ("111121", faults.TRIES_OF_LINKS, [4, 3, 2, 1, DEAD, 4]),
        # The fifth of the account ends a link that had no other.
        ("12345", "", [4, 3, 2, 1, DEAD]),
        ("12345", faults.COUNTS, [4, 4, 4, 4, 4]),
    ],
)
async def test_each_count_ends_a_link_that_the_other_would_not(
    start: Start, database_url: str, links: str, fault: str, left: list[int | str]
) -> None:
    service = await start(second_step=BUILTIN, limits=FREE, prepare=enrol)
    tokens = {link: await service.link() for link in sorted(set(links))}
    faults.spoil(Path(database_url.removeprefix("sqlite:///")), fault)
    answers = [
        (await reset_with(service, tokens[link], "totp", wrong_code())).json() for link in links
    ]
    assert [answer.get("triesLeft") or answer["reason"] for answer in answers] == left
