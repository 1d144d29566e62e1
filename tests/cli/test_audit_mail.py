"""The audit trail says where the mail is that each entry promised."""

import json

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, GRACE, NOBODY, School, cells

from keyturn.errors import SendRefused

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
