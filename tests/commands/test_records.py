"""audit and mailbox: what happened, why an address gets no mail, and how to unblock it."""

import json
import re
from datetime import datetime, timedelta

import pytest
from tests.commands.command import ADA, Keyturn
from tests.commands.school import ADA as STUDENT
from tests.commands.school import GRACE, NOBODY, School

from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.reset.stores import Transaction

pytestmark = pytest.mark.long

EVE = "eve@northwind.example"
HERE = Client(ip_address="192.0.2.1", user_agent="curl/8", request_id="r-1")


def test_the_trail_says_who_asked_and_what_became_of_it_newest_first(
    migrated: Keyturn, school: School
) -> None:
    def write(transaction: Transaction) -> None:
        for email, days in ((ADA, 3), (EVE, 0)):
            at = now() - timedelta(days=days)
            transaction.audit.write("reset_request", "link_mailed", HERE, at, "", email)

    school.do(lambda service: service.container.stores.transact(write))
    head, _, line = migrated("audit").out.splitlines()
    assert {"EVENT", "OUTCOME", "EMAIL", "ADDRESS"} < set(head.split())
    assert {"reset_request", "link_mailed", ADA, "192.0.2.1"} < set(line.split())
    entry, _ = json.loads(migrated("audit", "--json").out)
    fields = {
        "event": "reset_request",
        "outcome": "link_mailed",
        "user_agent": "curl/8",
        "request_id": "r-1",
    }
    assert entry.items() >= fields.items()
    for option, value, emails in (
        ("--email", f" {ADA.upper()}", [ADA]),
        ("--email", "nobody@northwind.example", []),
        ("--since", "1h", [EVE]),
        ("--since", "4d", [EVE, ADA]),
        ("--last", "1", [EVE]),
    ):
        chosen = json.loads(migrated("audit", "--json", option, value).out)
        assert [entry["email"] for entry in chosen] == emails, (option, value)


def test_a_mailbox_shows_its_mails_of_today_and_until_when_there_are_no_more(
    keyturn: Keyturn, school: School
) -> None:
    assert (
        keyturn("mailbox", "show", NOBODY).out == f"{NOBODY} has no records: it can get emails.\n"
    )
    assert json.loads(keyturn("mailbox", "show", NOBODY, "--json").out) == {}
    assert keyturn("mailbox", "release", NOBODY).out == f"{NOBODY} was not blocked.\n"

    school.ask()
    shown = keyturn("mailbox", "show", STUDENT.upper()).out
    assert re.search(r"Mails today +1\n", shown)
    assert "Suppressed" not in shown
    school.ask()
    school.suppress()
    facts = json.loads(keyturn("mailbox", "show", STUDENT, "--json").out)
    assert (facts["mails_today"], facts["daily"]) == (2, 12)
    assert facts["suppressed_until"] > facts["free_at"]


def test_suppressed_mailboxes_are_listed(keyturn: Keyturn, school: School) -> None:
    """An operator can list the mailboxes that a report suppresses, the newest report first, until
    they are released.
    """
    assert keyturn("mailbox", "list").out == "No blocked addresses.\n"
    school.suppress()
    school.suppress(GRACE, "complained")

    head, newest, oldest = keyturn("mailbox", "list").out.splitlines()
    assert head.split() == ["REPORTED", "(UTC)", "REPORT", "UNTIL", "(UTC)", "EMAIL"]
    assert {"complained", GRACE} < set(newest.split())
    assert {"bounced", STUDENT} < set(oldest.split())

    keyturn("mailbox", "release", GRACE)
    (left,) = json.loads(keyturn("mailbox", "list", "--json").out)
    assert (left["email"], left["report"]) == (STUDENT, "bounced")
    suppressed = datetime.fromisoformat(left["suppressed_until"])
    reported = datetime.fromisoformat(left["reported_at"])
    assert suppressed - reported == pytest.approx(timedelta(days=14), abs=timedelta(minutes=1))


def test_a_released_mailbox_gets_the_next_mail_and_the_trail_says_so(
    keyturn: Keyturn, school: School
) -> None:
    school.suppress()
    school.ask()
    assert keyturn("mailbox", "release", STUDENT).out == f"{STUDENT} can get emails again.\n"
    school.ask()

    trail = json.loads(keyturn("audit", "--email", STUDENT, "--json").out)
    after, release, before, report = trail
    assert [one["outcome"] for one in (report, before, release, after)] == [
        "bounced",
        "suppressed",
        "released",
        "link_mailed",
    ]
    assert release["event"] == "mailbox_release"
    assert release["account_id"]
