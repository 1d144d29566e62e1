"""docs/reliability.md: wrong codes of a second step are counted for their link and for its account, each for itself."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.driver import store_faults as faults
from tests.driver.second_factors import BUILTIN, enrol, reset_with, wrong_code
from tests.driver.service import Start

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

FREE = {"mailbox_cooldown": timedelta(0), "mailbox_daily": 100, "account": "100/minute"}


@pytest.mark.parametrize("is_spoiled", [False, True])
@pytest.mark.parametrize(
    ("links", "left", "fault"),
    [
        # The fifth of the account ends the second link. The fifth of the first link ends that one, too.
        ("111121", [4, 3, 2, 1, 0, 0], faults.TRIES_OF_LINKS),
        # The fifth of the account ends a link that had no other.
        ("12345", [4, 3, 2, 1, 0], faults.COUNTS),
    ],
)
async def test_each_count_ends_a_link_that_the_other_would_not(
    start: Start, database_url: str, links: str, left: list[int], fault: str, *, is_spoiled: bool
) -> None:
    service = await start(second_step=BUILTIN, limits=FREE, prepare=enrol)
    tokens = {link: await service.link() for link in sorted(set(links))}
    if is_spoiled:
        faults.spoil(Path(database_url.removeprefix("sqlite:///")), fault)
    answers = [await reset_with(service, tokens[link], "totp", wrong_code()) for link in links]
    assert ([answer.json().get("triesLeft", 0) for answer in answers] == left) != is_spoiled
