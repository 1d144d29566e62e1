"""accounts: adding, listing, inviting, and a link that is printed for an owner whose mailbox is lost."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from tests.commands.command import ADA, CHEAP, PASSWORD, Keyturn
from tests.commands.school import ADA as STUDENT
from tests.driver.inbox import TOKEN

pytestmark = pytest.mark.long


def stored_hash(workplace: Path) -> str | None:
    with sqlite3.connect(workplace / ".keyturn" / "keyturn.db") as database:
        found: str | None
        ((found,),) = database.execute("SELECT password_hash FROM keyturn_accounts").fetchall()
    database.close()
    return found


def test_an_account_is_added_and_listed(migrated: Keyturn) -> None:
    added = migrated("accounts", "add", "Ada@Northwind.example", "--name", "Ada", "--kind", "viewer")
    assert added.code == 0
    assert added.out.startswith(f"Added {ADA} with id ")

    head, line = migrated("accounts", "list").out.splitlines()
    assert head.split() == ["EMAIL", "NAME", "KIND", "SIGNS", "IN", "WITH", "STATE"]
    assert line.split() == [ADA, "Ada", "viewer", "password", "active"]


def test_every_option_is_kept(migrated: Keyturn) -> None:
    migrated("accounts", "add", ADA, "--provider", "Google", "--locale", "de", "--timezone", "Asia/Tokyo", "--disabled")

    (account,) = json.loads(migrated("accounts", "list", "--json").out)
    assert {name: account[name] for name in ("email", "provider", "locale", "timezone", "active", "has_password")} == {
        "email": ADA,
        "provider": "Google",
        "locale": "de",
        "timezone": "Asia/Tokyo",
        "active": False,
        "has_password": False,
    }
    assert migrated("accounts", "list").out.splitlines()[1].split() == [ADA, "Google", "disabled"]


@pytest.mark.parametrize(
    ("stdin", "password"),
    [
        (PASSWORD, PASSWORD),
        (f"{PASSWORD}\n", PASSWORD),
        (f"{PASSWORD}\nanother line\n", PASSWORD),
        (f" {PASSWORD} \n", f" {PASSWORD} "),
    ],
)
def test_a_password_comes_from_standard_input_up_to_its_line_end(
    migrated: Keyturn, workplace: Path, stdin: str, password: str
) -> None:
    added = migrated("accounts", "add", ADA, "--password-stdin", stdin=stdin, **CHEAP)

    assert added.code == 0
    assert PASSWORD not in added.out + added.err
    assert bcrypt.checkpw(password.encode(), (stored_hash(workplace) or "").encode())
    assert "password" in migrated("accounts", "list").out


@pytest.mark.parametrize(
    ("stdin", "why"), [("", "at least 12 characters"), ("short\n", "at least 12 characters"), ("x" * 73, "72 bytes")]
)
def test_a_password_that_breaks_the_rules_adds_nothing(migrated: Keyturn, stdin: str, why: str) -> None:
    refused = migrated("accounts", "add", ADA, "--password-stdin", stdin=stdin)

    assert refused.code == 1
    assert refused.err.startswith("keyturn: ")
    assert why in refused.err
    assert json.loads(migrated("accounts", "list", "--json").out) == []


def test_an_address_that_is_taken_is_refused(migrated: Keyturn) -> None:
    migrated("accounts", "add", ADA)
    refused = migrated("accounts", "add", ADA.upper())

    assert (refused.code, refused.err) == (1, "keyturn: email: an account with that address exists already\n")


def test_an_empty_list_says_what_to_do(migrated: Keyturn) -> None:
    assert migrated("accounts", "list").out == "No accounts yet. Add one with `keyturn accounts add EMAIL`.\n"


def payloads_of_invitations(workplace: Path) -> list[dict[str, Any]]:
    """Return what waits to be sent."""
    with sqlite3.connect(workplace / ".keyturn" / "keyturn.db") as database:
        found = database.execute("SELECT payload FROM keyturn_outbox WHERE kind = 'reset_requested' ORDER BY id")
        payloads = [json.loads(payload) for (payload,) in found]
    database.close()
    return [payload for payload in payloads if payload["invited"]]


def invitations(workplace: Path) -> list[str]:
    """Return whom an invitation waits for."""
    return [payload["email"] for payload in payloads_of_invitations(workplace)]


def test_who_is_added_without_a_password_is_invited(migrated: Keyturn, workplace: Path) -> None:
    added = migrated("accounts", "add", ADA)
    migrated("accounts", "add", "bob@northwind.example", "--provider", "Google")
    migrated("accounts", "add", "dan@northwind.example", "--disabled")
    migrated("accounts", "add", "eve@northwind.example", "--password-stdin", stdin=PASSWORD, **CHEAP)

    assert added.out.splitlines()[1] == "The worker will send an invitation to choose a password."
    assert invitations(workplace) == [ADA]


def test_those_who_are_named_are_invited(migrated: Keyturn, workplace: Path) -> None:
    migrated("accounts", "add", ADA)
    migrated("accounts", "add", "zoe@northwind.example")
    invited = migrated("accounts", "invite", "Zoe@Northwind.example", ADA)

    assert (invited.code, invited.out) == (0, "The worker will send 2 invitations.\n")
    assert invitations(workplace)[2:] == ["zoe@northwind.example", ADA]


def test_an_invitation_carries_the_words_of_the_operator(migrated: Keyturn, workplace: Path) -> None:
    migrated("accounts", "add", ADA)
    migrated("accounts", "invite", ADA, "--reason", " Grace invites you\tto Algebra I. ")

    assert [payload["reason"] for payload in payloads_of_invitations(workplace)] == [
        "",
        "Grace invites you to Algebra I.",
    ]


def test_nobody_is_invited_where_somebody_cannot_be(migrated: Keyturn, workplace: Path) -> None:
    migrated("accounts", "add", "bob@northwind.example", "--provider", "Google")
    migrated("accounts", "add", "dan@northwind.example", "--disabled")
    migrated("accounts", "add", "eve@northwind.example", "--password-stdin", stdin=PASSWORD, **CHEAP)
    migrated("accounts", "add", ADA)
    everybody = [f"{name}@northwind.example" for name in ("ada", "bob", "dan", "eve", "nobody")]
    refused = migrated("accounts", "invite", *everybody)

    assert refused.code == 1
    assert refused.err == (
        "keyturn: bob@northwind.example signs in with Google; dan@northwind.example is disabled; "
        "eve@northwind.example has a password already: send a link with `keyturn accounts reset eve@northwind.example`;"
        " there is no account with the address nobody@northwind.example\n"
    )
    assert invitations(workplace) == [ADA]  # when it was added


def test_all_are_those_who_await_a_password(migrated: Keyturn, workplace: Path) -> None:
    assert migrated("accounts", "invite", "--all").out == "No account is waiting for a first password.\n"
    for name in ("zoe", "ada"):
        migrated("accounts", "add", f"{name}@northwind.example")
    migrated("accounts", "add", "bob@northwind.example", "--provider", "Google")
    migrated("accounts", "add", "dan@northwind.example", "--disabled")

    invited = migrated("accounts", "invite", "--all")
    assert (invited.code, invited.out) == (0, "The worker will send 2 invitations.\n")
    assert invitations(workplace)[2:] == [ADA, "zoe@northwind.example"]


REASON = ("--reason", "Lost the mailbox; passport checked.")


@pytest.mark.usefixtures("school")
def test_the_link_and_its_end_go_to_the_terminal_and_into_no_log(keyturn: Keyturn) -> None:
    done = keyturn("accounts", "link", STUDENT, *REASON)
    assert done.code == 0, done.err
    link, until = done.out.splitlines()
    (token,) = TOKEN.findall(link)
    assert until.startswith("It works once, until 20")
    assert token not in done.err


@pytest.mark.usefixtures("school")
def test_the_link_is_an_object_with_json(keyturn: Keyturn) -> None:
    told = json.loads(keyturn("accounts", "link", STUDENT, *REASON, "--json").out)
    assert told.keys() == {"link", "expires_at"}
