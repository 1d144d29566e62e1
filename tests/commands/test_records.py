"""audit and mailbox: what happened, why an address gets no mail, and how to unblock it."""

import json
import re
from datetime import timedelta

import pytest
from tests.commands.command import Keyturn
from tests.commands.school import ADA as STUDENT
from tests.commands.school import NOBODY, School

from keyturn.service.clock import now
from keyturn.service.reset.records.client import Client

pytestmark = pytest.mark.long

ADA, EVE = "ada@northwind.example", "eve@northwind.example"
HERE = Client(ip_address="192.0.2.1", user_agent="curl/8", request_id="r-1")


def happened(school: School, email: str, *, days_ago: int = 0) -> None:
    """Write an entry as the service does."""
    at = now() - timedelta(days=days_ago)
    school.do(
        lambda service: service.parts.ground.transact(
            lambda tx: tx.audit.write("reset_request", "link_mailed", HERE, at, "", email)
        )
    )


def emails(shown: str) -> list[str]:
    return [entry["email"] for entry in json.loads(shown)]


def test_the_trail_says_who_asked_for_what_and_what_became_of_it_and_a_machine_gets_every_field(
    migrated: Keyturn, school: School
) -> None:
    happened(school, ADA)
    head, line = migrated("audit").out.splitlines()

    assert {"EVENT", "OUTCOME", "EMAIL", "ADDRESS"} < set(head.split())
    assert {"reset_request", "link_mailed", ADA, "192.0.2.1"} < set(line.split())
    (entry,) = json.loads(migrated("audit", "--json").out)
    assert (entry["event"], entry["outcome"], entry["email"]) == ("reset_request", "link_mailed", ADA)
    assert (entry["ip_address"], entry["user_agent"], entry["request_id"]) == ("192.0.2.1", "curl/8", "r-1")


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--email", f" {ADA.upper()}", [ADA]),
        ("--email", "nobody@northwind.example", []),
        ("--since", "1h", [EVE]),
        ("--since", "4d", [EVE, ADA]),
        ("--last", "1", [EVE]),
        ("--last", "2", [EVE, ADA]),
    ],
)
def test_the_trail_of_one_address_of_the_last_while_or_the_last_so_many_has_the_newest_first(
    migrated: Keyturn, school: School, option: str, value: str, found: list[str]
) -> None:
    happened(school, ADA, days_ago=3)
    happened(school, EVE)

    assert emails(migrated("audit", "--json", option, value).out) == found


# mailbox


@pytest.fixture
def complained(school: School) -> School:
    """Have Ada get two mails, and call them spam."""
    school.ask()
    school.ask()
    school.suppress()
    return school


@pytest.mark.usefixtures("school")
def test_a_mailbox_that_nobody_asked_for_may_be_written_to(keyturn: Keyturn) -> None:
    assert keyturn("mailbox", "show", NOBODY).out == f"{NOBODY} has no records: it can get mails.\n"
    assert json.loads(keyturn("mailbox", "show", NOBODY, "--json").out) == {}
    assert keyturn("mailbox", "release", NOBODY).out == f"{NOBODY} was not blocked.\n"


def test_it_says_how_many_mails_there_were_today_and_when_there_may_be_more(keyturn: Keyturn, school: School) -> None:
    school.ask()
    shown = keyturn("mailbox", "show", STUDENT.upper()).out

    assert re.search(r"Mails today +1\n", shown)
    assert "Suppressed" not in shown
    assert json.loads(keyturn("mailbox", "show", STUDENT, "--json").out)["mails_today"] == 1


@pytest.mark.usefixtures("complained")
def test_it_says_until_when_a_mailbox_is_suppressed(keyturn: Keyturn) -> None:
    shown = keyturn("mailbox", "show", STUDENT).out
    facts = json.loads(keyturn("mailbox", "show", STUDENT, "--json").out)

    assert re.search(r"Mails today +2\n", shown)
    assert (facts["mails_today"], facts["daily"]) == (2, 12)
    assert facts["suppressed_until"] > facts["free_at"]


def test_a_mailbox_that_is_released_gets_the_next_mail_and_the_trail_says_who_let_it(
    keyturn: Keyturn, complained: School
) -> None:
    complained.ask()
    assert keyturn("mailbox", "release", STUDENT).out == f"{STUDENT} can get mails again.\n"
    complained.ask()

    entries = json.loads(keyturn("audit", "--email", STUDENT, "--json").out)
    assert [entry["outcome"] for entry in reversed(entries)] == [
        "link_mailed",
        "link_mailed",
        "suppressed",
        "released",
        "link_mailed",
    ]
    assert entries[1]["event"] == "mailbox_release"
    assert entries[1]["account_id"]
