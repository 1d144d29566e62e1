"""accounts link: a link for an owner whom the operator knows, printed and never mailed."""

import json

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, NOBODY, School
from tests.driver.inbox import TOKEN

pytestmark = pytest.mark.long

REASON = ("--reason", "Lost the mailbox; passport checked.")


@pytest.mark.usefixtures("school")
def test_the_link_and_its_end_go_to_the_terminal_and_into_no_log(keyturn: Keyturn) -> None:
    done = keyturn("accounts", "link", ADA, *REASON)
    assert done.code == 0, done.err
    link, until = done.out.splitlines()
    (token,) = TOKEN.findall(link)
    assert until.startswith("It works once, until 20")
    assert token not in done.err


@pytest.mark.usefixtures("school")
def test_the_link_is_an_object_with_json(keyturn: Keyturn) -> None:
    told = json.loads(keyturn("accounts", "link", ADA, *REASON, "--json").out)
    assert told.keys() == {"link", "expires_at"}


@pytest.mark.usefixtures("school")
def test_the_audit_trail_has_the_operator_and_the_reason(keyturn: Keyturn) -> None:
    keyturn("accounts", "link", ADA, *REASON, "--as", "grace")
    (entry,) = json.loads(keyturn("audit", "--json").out)
    assert (entry["event"], entry["outcome"], entry["operator"]) == ("operator_link", "link_issued", "grace")
    assert entry["note"] == REASON[1]


def test_the_mail_to_the_account_has_no_link_of_it(keyturn: Keyturn, school: School) -> None:
    (token,) = TOKEN.findall(keyturn("accounts", "link", ADA, *REASON).out)
    school.deliver()
    (mail,) = school.inbox.mails
    assert mail.tags["template"] == "help_requested"
    assert token not in mail.text


@pytest.mark.usefixtures("school")
def test_without_a_reason_nothing_is_printed(keyturn: Keyturn) -> None:
    ended = keyturn("accounts", "link", ADA)
    assert (ended.code, ended.out) == (2, "")
    assert "Missing option '--reason'" in ended.err


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((NOBODY,), "email: no account has this address"),
        ((ADA, "--code"), "code: token.code is off, the account is locked"),
        (("ada",), "email: not an email address"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_an_exit_code(keyturn: Keyturn, words: tuple[str, ...], why: str) -> None:
    ended = keyturn("accounts", "link", *words, *REASON)
    assert (ended.code, ended.out) == (1, "")
    assert why in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize(
    ("option", "why"),
    [
        (("--disabled",), "the account is disabled"),
        (("--provider", "Google"), "the account has no password: its owner signs in through another service"),
    ],
)
def test_an_account_that_no_link_could_open_gets_none(keyturn: Keyturn, option: tuple[str, ...], why: str) -> None:
    eve = "eve@northwind.test"
    assert keyturn("accounts", "add", eve, *option).code == 0
    ended = keyturn("accounts", "link", eve, *REASON)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == [f"keyturn: email: {why}"]
