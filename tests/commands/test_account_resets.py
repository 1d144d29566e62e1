"""accounts reset and unlock: an operator starts, in waves after a breach, and never chooses."""

import csv
import json
import os
import pwd
from pathlib import Path

import pytest
from tests.commands.command import Ended, Keyturn
from tests.commands.school import ADA, GRACE, NOBODY, School

from keyturn.service.clock import now

pytestmark = pytest.mark.long

REASON = "A copy of our database was stolen."
USER = pwd.getpwuid(os.getuid()).pw_name
FAST = ("--rate", "100000/second", "--yes")


def entries(keyturn: Keyturn) -> list[tuple[str, str, str]]:
    found = json.loads(keyturn("audit", "--json").out)
    return [(one["event"], one["outcome"], one["operator"]) for one in found]


def rows(file: str) -> list[tuple[str, str]]:
    with Path(file).open(encoding="utf-8", newline="") as opened:
        return [(row["email"], row["outcome"]) for row in csv.DictReader(opened)]


def ask_all(keyturn: Keyturn, *more: str) -> Ended:
    return keyturn("accounts", "reset", "--all", "--csv", "november.csv", *FAST, *more)


def test_somebody_is_asked_and_told_why_and_the_trail_says_by_whom(keyturn: Keyturn, school: School) -> None:
    asked = keyturn("accounts", "reset", ADA, "--reason", REASON)
    assert (asked.code, asked.out) == (0, f"The worker will send a reset link to {ADA}.\n")
    school.deliver()

    (mail,) = school.inbox.mails
    assert mail.to == ADA
    assert REASON in mail.text
    assert "3 days" in mail.text
    assert "ignore this email" not in mail.text
    assert entries(keyturn) == [("operator_reset", "link_mailed", USER)]
    assert f"by {USER}" in keyturn("audit").out


def test_an_operator_may_say_another_name(keyturn: Keyturn, school: School) -> None:
    keyturn("accounts", "reset", ADA, "--as", "Grace of support")
    school.deliver()

    assert entries(keyturn) == [("operator_reset", "link_mailed", "Grace of support")]


def test_everybody_is_asked_once_and_a_second_run_goes_on(keyturn: Keyturn, school: School) -> None:
    school.do(lambda service: service.add("dan@northwind.test", active=False))
    school.do(lambda service: service.add("guy@northwind.test", provider="Google"))
    first = ask_all(keyturn, "--reason", REASON)
    assert first.out == "2 asked, 1 signs in elsewhere. The worker will send the mails.\n"
    assert rows("november.csv") == [
        ("", "begun"),
        (ADA, "asked"),
        (GRACE, "asked"),
        ("guy@northwind.test", "signs_in_elsewhere"),
    ]

    assert ask_all(keyturn).out == "Every account has its link already.\n"
    school.deliver()
    assert sorted(mail.to for mail in school.inbox.mails) == [ADA, GRACE]
    assert entries(keyturn)[-1] == ("reset_all", "begun", USER)


def test_a_run_that_ended_before_it_wrote_its_row_asks_nobody_twice(keyturn: Keyturn, school: School) -> None:
    ask_all(keyturn)
    lines = Path("november.csv").read_text().splitlines(keepends=True)
    Path("november.csv").write_text("".join(lines[:2]))  # killed between the asking and the rows

    assert ask_all(keyturn).out.startswith("2 asked")
    school.deliver()
    assert len(school.inbox.mails) == 2


def test_a_dry_run_asks_nobody_and_writes_nothing(keyturn: Keyturn, school: School) -> None:
    dry = keyturn("accounts", "reset", "--all", "--dry-run", *FAST)
    school.deliver()

    assert dry.out == "No mail was sent. The outcome would be: 2 asked.\n"
    assert school.inbox.mails == []
    assert not list(Path().glob("*.csv"))


def test_who_could_not_be_asked_now_is_asked_by_the_next_run(keyturn: Keyturn, school: School) -> None:
    school.suppress()
    first = ask_all(keyturn)
    assert "1 suppressed, 1 asked" in first.out
    assert ask_all(keyturn).out.startswith("1 suppressed.\n")  # nobody was asked: no mail leaves
    assert "Run the same command later to retry the accounts that got no link." in first.out
    refused = keyturn("accounts", "reset", ADA)
    assert f"see `keyturn mailbox show {ADA}`" in refused.err

    keyturn("mailbox", "release", ADA)
    assert ask_all(keyturn).out == "1 asked. The worker will send the mails.\n"


def test_a_file_says_whom_and_a_formula_stays_text(keyturn: Keyturn, school: School) -> None:
    Path("some.txt").write_text(f"{ADA},Ada\n\n=cmd@northwind.test\n{NOBODY}\n")
    done = keyturn("accounts", "reset", "--from", "some.txt", "--csv", "out.csv", *FAST)

    assert done.code == 0, done.err
    assert rows("out.csv")[1:] == [(ADA, "asked"), ("'=cmd@northwind.test", "no_account"), (NOBODY, "no_account")]
    again = keyturn("accounts", "reset", "--from", "some.txt", "--csv", "out.csv", *FAST)
    assert again.out == "Every account has its link already.\n"
    school.deliver()
    assert [mail.to for mail in school.inbox.mails] == [ADA]


@pytest.mark.usefixtures("school")
def test_a_file_that_is_something_else_is_left_as_it_is(keyturn: Keyturn) -> None:
    Path("november.csv").write_text("name,age\nAda,36\n")
    refused = ask_all(keyturn)

    assert "november.csv was not written by this command: name another file" in refused.err
    assert Path("november.csv").read_text() == "name,age\nAda,36\n"


@pytest.mark.usefixtures("school")
def test_nobody_is_asked_before_somebody_says_yes(keyturn: Keyturn) -> None:
    refused = keyturn("accounts", "reset", "--all", "--csv", "november.csv", stdin="n\n")

    assert refused.code == 1
    assert not Path("november.csv").exists()


def test_a_locked_account_is_unlocked(keyturn: Keyturn, school: School) -> None:
    school.do(lambda service: service.change_account(locked_at=now()))
    assert "locked" in keyturn("accounts", "list").out
    assert "1 locked" in keyturn("accounts", "reset", "--all", "--dry-run", *FAST).out
    assert f"then run `keyturn accounts unlock {ADA}`" in keyturn("accounts", "reset", ADA).err

    assert keyturn("accounts", "unlock", ADA).out == f"{ADA} is unlocked.\n"
    assert entries(keyturn)[0] == ("account_unlock", "unlocked", USER)
