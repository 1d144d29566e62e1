"""mailbox: why an address gets no mail, and how to unblock it."""

import json
import re

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, NOBODY, School

from keyturn.service.parts import Parts

pytestmark = pytest.mark.long


@pytest.fixture
def complained(school: School) -> School:
    """Have Ada get two mails, and call them spam."""

    async def suppress(parts: Parts) -> None:
        await parts.records.transact(lambda tx: tx.mailboxes.suppress(ADA))

    school.ask()
    school.ask()
    school.do(suppress)
    return school


@pytest.mark.usefixtures("school")
def test_a_mailbox_that_nobody_asked_for_may_be_written_to(keyturn: Keyturn) -> None:
    assert keyturn("mailbox", "show", NOBODY).out == f"{NOBODY} has no records: it can get mails.\n"
    assert json.loads(keyturn("mailbox", "show", NOBODY, "--json").out) == {}
    assert keyturn("mailbox", "release", NOBODY).out == f"{NOBODY} was not blocked.\n"


def test_it_says_how_many_mails_there_were_today_and_when_there_may_be_more(keyturn: Keyturn, school: School) -> None:
    school.ask()
    shown = keyturn("mailbox", "show", ADA.upper()).out

    assert re.search(r"Mails today +1\n", shown)
    assert "Suppressed" not in shown
    assert json.loads(keyturn("mailbox", "show", ADA, "--json").out)["mails_today"] == 1


@pytest.mark.usefixtures("complained")
def test_it_says_until_when_a_mailbox_is_suppressed(keyturn: Keyturn) -> None:
    shown = keyturn("mailbox", "show", ADA).out
    facts = json.loads(keyturn("mailbox", "show", ADA, "--json").out)

    assert re.search(r"Mails today +2\n", shown)
    assert (facts["mails_today"], facts["daily"]) == (2, 12)
    assert facts["suppressed_until"] > facts["free_at"]


def test_a_mailbox_that_is_released_gets_the_next_mail_and_the_trail_says_who_let_it(
    keyturn: Keyturn, complained: School
) -> None:
    complained.ask()
    assert keyturn("mailbox", "release", ADA).out == f"{ADA} can get mails again.\n"
    complained.ask()

    entries = json.loads(keyturn("audit", "--email", ADA, "--json").out)
    assert [entry["outcome"] for entry in reversed(entries)] == [
        "link_mailed",
        "link_mailed",
        "suppressed",
        "released",
        "link_mailed",
    ]
    assert entries[1]["event"] == "mailbox_release"
    assert entries[1]["account_id"]


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize("command", ["show", "release"])
def test_what_is_no_address_is_one_sentence(keyturn: Keyturn, command: str) -> None:
    ended = keyturn("mailbox", command, "nobody")

    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == 1
