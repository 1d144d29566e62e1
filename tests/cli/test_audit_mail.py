"""The audit trail says where the mail is that each entry promised."""

import json
from datetime import timedelta

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, GRACE, NOBODY, School, cells

from keyturn.errors import SendRefused, SendRetryable

pytestmark = pytest.mark.long


def test_the_trail_says_where_each_mail_is(keyturn: Keyturn, school: School) -> None:
    school.ask()
    school.ask(NOBODY)
    school.ask(GRACE, SendRefused("422 validation_error"))
    school.report(1, "complained")
    head, *lines = [cells(line) for line in keyturn("audit").out.splitlines()]

    assert head[3] == "MAIL"
    assert [line[2:5] for line in lines] == [
        ["link_mailed", "dead", GRACE],
        ["no_account", "none", NOBODY],
        ["link_mailed", "complained", ADA],
    ]
    assert [entry["mail"] for entry in json.loads(keyturn("audit", "--json").out)] == ["dead", "dropped", "complained"]


def test_the_trail_says_why_a_mail_was_not_sent_after_all(keyturn: Keyturn, school: School) -> None:
    school.ask(ADA, SendRetryable("rate_limit_exceeded"))
    school.change(state="dropped", reason="the link is expired")

    assert "none: the link is expired" in keyturn("audit").out


def test_the_trail_outlives_the_outbox(keyturn: Keyturn, school: School) -> None:
    school.ask()
    school.purge(timedelta(days=31))

    (line,) = keyturn("audit").out.splitlines()[1:]
    assert cells(line)[3] == "-"
