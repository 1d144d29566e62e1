"""accounts help: a code to read out, a second operator, and a mailbox that is blocked afterwards."""

import json
import re

import pytest
from tests.cli.command import ADA, Keyturn
from tests.cli.school import School

from keyturn.database import now
from keyturn.parts import Parts

pytestmark = pytest.mark.long

DESK = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef" * 4,
    "KEYTURN_ENVIRONMENT": "development",
    "KEYTURN_BRAND_SUPPORT_ADDRESS": "help@northwind.example",
    "KEYTURN_HELP_DESK_ENABLED": "true",
}
WHY = ("--reason", "The mailbox is gone", "--caller", "Ada, called back", "--checked", "Passport")


def help_desk(keyturn: Keyturn, *options: str, operator: str = "greta", **settings: str) -> tuple[int, str, str]:
    ended = keyturn("accounts", "help", ADA, *options, "--as", operator, **DESK | settings)
    return ended.code, ended.out, ended.err


def test_it_opens_a_case_and_prints_a_code_with_where_it_is_entered(with_ada: Keyturn) -> None:
    code, out, _ = help_desk(with_ada, *WHY)

    assert code == 0
    assert re.search(rf"^Code for {ADA}: \d{{4}} \d{{4}}$", out, re.MULTILINE)
    assert "/forgot-password/code" in out
    again = help_desk(with_ada)
    assert again[0] == 0
    assert again[1] != out
    trail = with_ada("audit", **DESK).out
    assert re.search(r"help_desk +code_issued .*by greta: The mailbox is gone; caller: Ada, called back", trail)
    (entry, *_) = json.loads(with_ada("audit", "--json", **DESK).out)
    assert entry["note"] == "The mailbox is gone; caller: Ada, called back; checked: Passport"


def test_a_program_reads_the_code_from_json(with_ada: Keyturn) -> None:
    code, out, _ = help_desk(with_ada, *WHY, "--json")
    issued = json.loads(out)

    assert code == 0
    assert issued.keys() == {"email", "code", "expires_at"}
    assert re.fullmatch(r"\d{8}", issued["code"])


def test_a_second_operator_reads_the_case_and_approves_it(with_ada: Keyturn) -> None:
    four_eyes = {"KEYTURN_HELP_DESK_APPROVAL": "true"}
    waiting = json.loads(help_desk(with_ada, *WHY, "--json", **four_eyes)[1])
    assert (waiting["email"], waiting["needs_approval"]) == (ADA, True)
    assert "second operator" in help_desk(with_ada, **four_eyes)[2]
    assert "greta opened this case" in help_desk(with_ada, "--approve", "--yes", operator="GRETA", **four_eyes)[2]

    asked = with_ada("accounts", "help", ADA, "--approve", "--as", "omar", stdin="n\n", **DESK | four_eyes)
    assert asked.code == 1
    assert "greta: The mailbox is gone" in asked.err
    approved = help_desk(with_ada, "--approve", "--yes", operator="omar", **four_eyes)
    assert approved[:2] == (0, approved[1])
    assert "is approved" in approved[1]
    assert help_desk(with_ada, **four_eyes)[0] == 0


def test_a_case_that_has_to_wait_says_until_when(with_ada: Keyturn) -> None:
    wait = {"KEYTURN_HELP_DESK_WAIT": "2h"}
    code, out, _ = help_desk(with_ada, *WHY, **wait)

    assert code == 0
    assert "A code can be issued from 20" in out
    code, out, err = help_desk(with_ada, **wait)
    assert (code, out) == (1, "")
    assert "no code can be issued before 20" in err


@pytest.mark.parametrize(
    ("options", "settings", "exit_code", "said"),
    [
        ((), {}, 1, "has no open case: open one with --reason, --caller and --checked"),
        (("--approve", "--yes"), {}, 1, "has no open case"),
        (("--reason", "Lost"), {}, 2, "A case needs --reason, --caller and --checked"),
        ((*WHY, "--approve"), {}, 2, "A case needs --reason, --caller and --checked"),
        (("--reason", "x" * 301, *WHY[2:]), {}, 2, "must have at most 300 characters"),
        (WHY, {"KEYTURN_HELP_DESK_ENABLED": "false"}, 1, "help_desk.enabled is not set"),
        (WHY, {"KEYTURN_BRAND_SUPPORT_ADDRESS": ""}, 1, "KEYTURN_BRAND_SUPPORT_ADDRESS: missing"),
        (WHY, {"KEYTURN_SECRET_KEY": ""}, 1, "KEYTURN_SECRET_KEY is not set"),
        (WHY, {"KEYTURN_HELP_DESK_WAIT": "8d"}, 1, "KEYTURN_HELP_DESK_WAIT: must be at most 7 days"),
        (WHY, {"KEYTURN_HELP_DESK_DAILY": "0"}, 1, "KEYTURN_HELP_DESK_DAILY: must be"),
        (
            WHY,
            {"KEYTURN_HELP_DESK_URL": "{base_url}/stop-help"},
            1,
            "KEYTURN_HELP_DESK_URL: needs the placeholder {token}",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    with_ada: Keyturn, options: tuple[str, ...], settings: dict[str, str], exit_code: int, said: str
) -> None:
    code, out, err = help_desk(with_ada, *options, **settings)

    assert (code, out) == (exit_code, "")
    assert said in err


def test_an_unknown_address_is_named(with_ada: Keyturn) -> None:
    ended = with_ada("accounts", "help", "nobody@northwind.example", *WHY, **DESK)
    assert ended.code == 1
    assert "there is no account with the address nobody@northwind.example" in ended.err


def test_a_blocked_mailbox_is_shown_and_only_unblock_ends_that(with_ada: Keyturn) -> None:
    async def block(parts: Parts) -> None:
        await parts.records.transact(lambda tx: tx.mailboxes.block(ADA, now(), "help_desk"))

    School().do(block)

    shown = with_ada("mailbox", "show", ADA).out
    assert re.search(r"Next mail +none with a link", shown)
    assert ": help_desk" in shown
    assert json.loads(with_ada("mailbox", "show", ADA, "--json").out)["blocked_for"] == "help_desk"
    refused = with_ada("accounts", "reset", ADA)
    assert refused.code == 1
    assert "keyturn mailbox release --unblock" in refused.err
    assert "stays blocked" in with_ada("mailbox", "release", ADA).out
    assert with_ada("mailbox", "release", "--unblock", ADA).out == f"{ADA} can get mails again.\n"
    assert "unblocked" in with_ada("audit").out
    assert with_ada("mailbox", "release", "--unblock", ADA).out == f"{ADA} was not blocked.\n"
