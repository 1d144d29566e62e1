"""accounts: adding, listing, inviting, a link for a lost mailbox, and resets in waves, which
operators start.
"""

import csv
import json
import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest
from tests.commands.command import ADA, CHEAP, PASSWORD, Ended, Keyturn
from tests.commands.school import ADA as STUDENT
from tests.commands.school import GRACE, NOBODY, School
from tests.driver.inbox import TOKEN

from keyturn.service.clock import now

pytestmark = pytest.mark.long


def test_an_account_is_added_and_listed_with_every_option(migrated: Keyturn) -> None:
    assert (
        migrated("accounts", "list").out
        == "No accounts yet. Add one with `keyturn accounts add EMAIL`.\n"
    )
    added = migrated(
        "accounts", "add", "Ada@Northwind.example", "--name", "Ada", "--kind", "viewer"
    )
    assert added.code == 0
    assert added.out.startswith(f"Added {ADA} with id ")
    of_bob = ("--provider", "Google", "--locale", "de", "--timezone", "Asia/Tokyo", "--disabled")
    migrated("accounts", "add", BOB, "--name", "\x1b[2JBob", *of_bob)

    head, *lines = [line.split() for line in migrated("accounts", "list").out.splitlines()]
    assert head == ["EMAIL", "NAME", "KIND", "SIGNS", "IN", "WITH", "STATE"]
    assert lines == [
        [ADA, "Ada", "viewer", "password", "active"],
        [BOB, "\ufffd[2JBob", "Google", "disabled"],
    ]
    assert "\ufffd[2JBob" in migrated("accounts", "find", BOB).out
    kept = {"email": BOB, "provider": "Google", "locale": "de", "timezone": "Asia/Tokyo"}
    shown = json.loads(migrated("accounts", "list", "--json").out)[1]
    assert shown.items() >= (kept | {"active": False, "has_password": False}).items()


@pytest.mark.parametrize(
    "stdin", [PASSWORD, f"{PASSWORD}\nanother line\n", f" {PASSWORD} \n", "short\n"]
)
def test_a_password_comes_from_standard_input_up_to_its_line_end_and_keeps_the_rules(
    migrated: Keyturn, workplace: Path, stdin: str
) -> None:
    added = migrated("accounts", "add", ADA, "--password-stdin", stdin=stdin, **CHEAP)
    is_short = stdin == "short\n"
    assert (added.code, "at least 12 characters" in added.err) == (int(is_short), is_short)
    assert PASSWORD not in added.out + added.err
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database:
        stored = [row[0] for row in database.execute("SELECT password_hash FROM keyturn_accounts")]
    fits = [bcrypt.checkpw(stdin.partition("\n")[0].encode(), one.encode()) for one in stored]
    assert fits == [True] * (not is_short)


BOB, DAN, EVE, ZOE = (f"{name}@northwind.example" for name in ("bob", "dan", "eve", "zoe"))


def test_who_awaits_a_password_is_invited_once_added_or_named_and_nobody_else(
    keyturn: Keyturn, school: School
) -> None:
    assert (
        keyturn("accounts", "invite", "--all").out
        == "No account is waiting for a first password.\n"
    )
    keyturn("accounts", "add", BOB, "--provider", "Google")
    keyturn("accounts", "add", DAN, "--disabled")
    keyturn("accounts", "add", EVE, "--password-stdin", stdin=PASSWORD, **CHEAP)
    added = keyturn("accounts", "add", ADA).out
    assert added.splitlines()[1] == "The worker will send an invitation to choose a password."
    refused = keyturn("accounts", "invite", ADA, BOB, DAN, EVE, "nobody@northwind.example")
    assert refused.code == 1
    assert refused.err == (
        "keyturn: bob@northwind.example signs in with Google; dan@northwind.example is disabled; "
        "eve@northwind.example has a password already: send a link with `keyturn accounts reset "
        "eve@northwind.example`;"
        " there is no account with the address nobody@northwind.example\n"
    )
    keyturn("accounts", "add", ZOE)
    reason = ("--reason", " Grace invites you\tto Algebra I. ")
    for words in (("Zoe@Northwind.example", ADA), ("--all",)):
        ended = keyturn("accounts", "invite", *words, *reason)
        assert (ended.code, ended.out) == (0, "The worker will send 2 invitations.\n")
    school.deliver()
    told = [
        (mail.to, "Grace invites you to Algebra I." in mail.text) for mail in school.inbox.mails
    ]
    assert sorted(told) == [(to, reason) for to in (ADA, ZOE) for reason in (False, True, True)]


def test_invitation_that_is_held_back(keyturn: Keyturn, school: School) -> None:
    """The command says at once which mailboxes get no mail now, and promises them no invitation."""
    for email in (ADA, EVE):
        keyturn("accounts", "add", email)
    school.rest(ADA)
    school.suppress(EVE)
    keyturn("accounts", "add", ZOE)
    for email, why in (
        (ADA, f"{ADA} got an email a moment ago"),
        (EVE, f"emails to {EVE} bounced"),
    ):
        refused = keyturn("accounts", "invite", ZOE, email)
        assert refused.code == 1
        assert why in refused.err
    assert keyturn("accounts", "invite", "--all").out == (
        "The worker will send 1 invitation.\n"
        "Held back for now: 1 cooldown, 1 suppressed. Run the same command later to invite them.\n"
    )


@pytest.mark.usefixtures("school")
def test_the_link_and_its_end_go_to_the_terminal_and_into_no_log(keyturn: Keyturn) -> None:
    link = ("accounts", "link", STUDENT, "--reason", "Lost the mailbox; passport checked.")
    done = keyturn(*link)
    assert done.code == 0, done.err
    printed, until = done.out.splitlines()
    (token,) = TOKEN.findall(printed)
    assert until.startswith("It works once, until 20")
    assert token not in done.err
    assert json.loads(keyturn(*link, "--json").out).keys() == {"link", "expires_at"}


BREACH = "A copy of our database was stolen."
USER = pwd.getpwuid(os.getuid()).pw_name
FAST = ("--rate", "1000000/second", "--yes")


def entries(keyturn: Keyturn) -> list[tuple[str, str, str]]:
    return [
        (one["event"], one["outcome"], one["operator"])
        for one in json.loads(keyturn("audit", "--json").out)
    ]


def rows(file: str) -> list[tuple[str, str]]:
    with Path(file).open(encoding="utf-8", newline="") as opened:
        return [(row["email"], row["outcome"]) for row in csv.DictReader(opened)]


def ask_all(keyturn: Keyturn, *more: str) -> Ended:
    return keyturn("accounts", "reset", "--all", "--csv", "november.csv", *FAST, *more)


def test_somebody_is_asked_and_told_why_and_the_trail_says_by_whom(
    keyturn: Keyturn, school: School
) -> None:
    asked = keyturn("accounts", "reset", STUDENT, "--reason", BREACH)
    assert (asked.code, asked.out) == (0, f"The worker will send a reset link to {STUDENT}.\n")
    school.deliver()

    (mail,) = school.inbox.mails
    assert (mail.to, BREACH in mail.text) == (STUDENT, True)
    assert entries(keyturn) == [("operator_reset", "link_mailed", USER)]
    assert f"by {USER}" in keyturn("audit").out
    keyturn("accounts", "reset", STUDENT, "--as", "Grace of support")
    school.deliver()
    assert entries(keyturn)[0] == ("operator_reset", "link_mailed", "Grace of support")


def test_everybody_is_asked_once_even_after_a_run_that_was_killed(
    keyturn: Keyturn, school: School
) -> None:
    school.do(lambda service: service.add("dan@northwind.test", active=False))
    school.do(lambda service: service.add("guy@northwind.test", provider="Google"))
    dry = keyturn("accounts", "reset", "--all", "--csv", "november.csv", "--dry-run", *FAST)
    assert dry.out == "No email was sent. The outcome would be: 2 asked, 1 signs in elsewhere.\n"
    no = keyturn("accounts", "reset", "--all", "--csv", "november.csv", stdin="n\n")
    assert no.code == 1
    assert not list(Path().glob("*.csv"))
    school.deliver()
    assert school.inbox.mails == []

    told = "2 asked, 1 signs in elsewhere. The worker will send the emails.\n"
    assert ask_all(keyturn, "--reason", BREACH).out == told
    everybody = [(STUDENT, "asked"), (GRACE, "asked"), ("guy@northwind.test", "signs_in_elsewhere")]
    assert rows("november.csv") == [("", "begun"), *everybody]
    lines = Path("november.csv").read_text().splitlines(keepends=True)
    Path("november.csv").write_text("".join(lines[:2]))  # killed between the asking and the rows
    assert ask_all(keyturn).out == told
    assert ask_all(keyturn).out == "Every account has its link already.\n"
    school.deliver()
    assert sorted(mail.to for mail in school.inbox.mails) == [STUDENT, GRACE]
    assert entries(keyturn)[-1] == ("reset_all", "begun", USER)


def test_who_could_not_be_asked_now_is_asked_by_the_next_run(
    keyturn: Keyturn, school: School
) -> None:
    school.suppress()
    first = ask_all(keyturn)
    assert "1 suppressed, 1 asked" in first.out
    assert ask_all(keyturn).out.startswith("1 suppressed.\n")  # nobody was asked: no mail leaves
    assert "Run the same command later to retry the accounts that got no link." in first.out
    assert f"see `keyturn mailbox show {STUDENT}`" in keyturn("accounts", "reset", STUDENT).err

    keyturn("mailbox", "release", STUDENT)
    assert ask_all(keyturn).out == "1 asked. The worker will send the emails.\n"


def test_a_file_says_whom_a_formula_is_text_and_another_s_file_stays_as_it_is(
    keyturn: Keyturn, school: School
) -> None:
    Path("some.txt").write_bytes(
        f"\ufeff{STUDENT},Ada\n\n=cmd@northwind.test\n{NOBODY},J".encode() + b"\xfcrgen\n"
    )
    words = ("accounts", "reset", "--from", "some.txt", "--csv", "out.csv", *FAST)
    Path("out.csv").write_text("name,age\nAda,36\n")
    assert "out.csv was not written by this command: name another file" in keyturn(*words).err
    assert Path("out.csv").read_text() == "name,age\nAda,36\n"
    Path("out.csv").unlink()
    done = keyturn(*words)

    assert done.code == 0, done.err
    assert rows("out.csv")[1:] == [
        (STUDENT, "asked"),
        ("'=cmd@northwind.test", "no_account"),
        (NOBODY, "no_account"),
    ]
    assert keyturn(*words).out == "Every account has its link already.\n"
    school.deliver()
    assert [mail.to for mail in school.inbox.mails] == [STUDENT]


def test_a_locked_account_is_unlocked(keyturn: Keyturn, school: School) -> None:
    school.do(lambda service: service.change_account(locked_at=now()))
    assert "locked" in keyturn("accounts", "list").out
    assert "1 locked" in keyturn("accounts", "reset", "--all", "--dry-run", *FAST).out
    assert (
        f"then run `keyturn accounts unlock {STUDENT}`" in keyturn("accounts", "reset", STUDENT).err
    )

    assert keyturn("accounts", "unlock", STUDENT).out == f"{STUDENT} is unlocked.\n"
    assert entries(keyturn)[0] == ("account_unlock", "unlocked", USER)
