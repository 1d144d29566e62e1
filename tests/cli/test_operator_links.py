"""accounts link: a link for an owner whom the operator knows, printed and never mailed."""

import json

import pytest
from tests.cli.command import Keyturn
from tests.cli.school import ADA, NOBODY
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
