"""What no command can do is one sentence, an exit code, and nothing on standard output."""

from collections.abc import Mapping
from shlex import split
from typing import Any

import pytest
from tests.commands.command import BUILTIN_FACTORS as BUILTIN
from tests.commands.command import Keyturn
from tests.commands.school import ADA, NOBODY

from keyturn.service.reset.mails.email_props import EMAILS

pytestmark = pytest.mark.long

NO_ACCOUNT = f"there is no account with the address {NOBODY}"
NOT_KEPT = (
    'second_step.source is "none": this command needs "builtin", or "table" for recovery codes'
)
NO_MESSAGE = "there is no message 99: list them with `keyturn outbox list`"
NO_BASELINE = "--write-baseline writes all findings: remove --only and --only-changed"
PROBE = f"probe http://127.0.0.1:3000 --smtp 1025 --account {ADA}"
CALLS = "--request /forgot --sign-in /login"
TOKEN = "KEYTURN_STUDIO_TOKEN: a token must have 22 to 200 letters"
WHICH = "Give the ids of messages, or --dead, or --waiting."


def row(words: str, why: str, code: int = 1, environment: Mapping[str, str] = {}) -> Any:
    return pytest.param(split(words), why, code, environment, id=words[:60])


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize(
    ("words", "why", "code", "environment"),
    [
        row(f"accounts add {ADA.upper()}", "email: an account with that address exists already"),
        row(f"accounts invite {ADA} --all", "Give the addresses to invite, or --all.", 2),
        row(
            "accounts find jos\udce9@x.test",
            "Error: The argument 'jos\ufffd@x.test' is not UTF-8.",
            2,
        ),
        row(f"accounts link {ADA}", "Missing option '--reason'", 2),
        row(f"accounts link {NOBODY} --reason x", "email: no account has this address"),
        row(
            f"accounts link {ADA} --code --reason x",
            "code: token.code is off, the account is locked",
        ),
        row("accounts link ada --reason x", "email: not an email address"),
        row(f"accounts unlock {ADA}", f"{ADA} is not locked"),
        row(f"accounts unlock {NOBODY}", NO_ACCOUNT),
        row(f"accounts reset {NOBODY}", NO_ACCOUNT),
        row("accounts reset ada", "ada is not an email address"),
        row(f"accounts reset {ADA} --all", "Give one address, --all or --from.", 2),
        row("accounts reset --all", "Name a file with --csv for the outcome of each account.", 2),
        row(f"accounts reset {ADA} --reason {'x' * 301}", "must have at most 300 characters", 2),
        row(
            "accounts reset --all --csv x.csv --rate soon",
            "soon is not a rate: write 300/minute",
            2,
        ),
        row(f"accounts totp {ADA}", NOT_KEPT),
        row(f"accounts totp {NOBODY}", NO_ACCOUNT, 1, BUILTIN),
        row(
            f"accounts totp {ADA}",
            "KEYTURN_SECRET_KEY is not set",
            1,
            BUILTIN | {"KEYTURN_SECRET_KEY": ""},
        ),
        row(
            f"accounts phone {ADA} 07700",
            "NUMBER: must be a full number such as +447700900123",
            1,
            BUILTIN,
        ),
        row(
            f"accounts phone {ADA} +447700900123", "second_step.sms.account is not set", 1, BUILTIN
        ),
        row(f"accounts recovery-codes {ADA}", NOT_KEPT),
        row(
            f"accounts recovery-codes {ADA}",
            f"{ADA} has no second factor: set one up first",
            1,
            BUILTIN,
        ),
        row("audit --since yesterday", "as in 90s, 30m, 1h or 7d", 2),
        row("audit --since 9999999d", "Invalid value for '--since': too long", 2),
        row("audit --email nobody", "email: not an email address"),
        row("mailbox show nobody", "not an email address"),
        row(
            "check --env a:b --django a.b",
            "--env is for Jinja and --django for Django: use one of them",
        ),
        row("check --env a:b", "--env is for your own templates: name their folder"),
        row("check emails --write-baseline --only mjml", NO_BASELINE),
        row(
            "check emails --only mjml --only mjml/unknown-atribute",
            "(did you mean mjml/unknown-attribute?)",
            2,
        ),
        row(
            "check emails --only nosuch",
            "the groups are accessibility, active, compatibility, contrast, ",
            2,
        ),
        row("check --explain links/relatve", "did you mean links/relative?", 2),
        *(
            row(f"health --host {host} --port 8000", "keyturn: cannot ask http://")
            for host in ("a..b", "x" * 300)
        ),
        row(
            "render password_rest",
            f"there is no template password_rest; there are {', '.join(sorted(EMAILS))}",
        ),
        row(
            "render password_reset --lang tlh",
            "there is no language tlh; there are ar, cs, da, de, el, ",
        ),
        row(f"probe https://example.com --smtp 1025 --account {ADA}", "another host", 2),
        row(f"probe nonsense --smtp 1025 --account {ADA}", "no URL", 2),
        row(
            f"probe http://user:hunter2@127.0.0.1:3000 --smtp 1025 --account {ADA}",
            "out of the URL",
            2,
        ),
        row("probe http://127.0.0.1:3000 --smtp 1025", "--account", 2),
        row(f"probe http://127.0.0.1:3000 --account {ADA}", "--smtp", 2),
        row(f"{PROBE} --account {ADA.upper()}", "two different accounts", 2),
        row(f"{PROBE} {CALLS} --reset 'POST /reset t={{token}}'", "{password}", 2),
        row(f"{PROBE} {CALLS} --private 'POST /me'", "no call of the method POST", 2),
        row(f"{PROBE} --html nowhere/report.html", "no such folder", 2),
        row("studio --starttls", "--starttls is for the mails that --smtp captures: add --smtp"),
        row(
            "studio --port 0 --host 0.0.0.0 --no-token",
            "can reach 0.0.0.0, so this studio needs its token",
        ),
        row("studio --inbox .keyturn/keyturn.db", "Directory '.keyturn/keyturn.db' is a file", 2),
        row("studio --port 0", TOKEN, 1, {"KEYTURN_STUDIO_TOKEN": "short"}),
        row("studio --port 0", TOKEN, 1, {"KEYTURN_STUDIO_TOKEN_FILE": "/proc/sys/kernel/ostype"}),
        row(
            "studio --port 0",
            "TOKEN_FILE: none.txt does",
            1,
            {"KEYTURN_STUDIO_TOKEN_FILE": "none.txt"},
        ),
        row("outbox list --state lost", "waiting", 2),
        row("outbox show 99", NO_MESSAGE),
        row("outbox retry 99", NO_MESSAGE),
        row("outbox retry", WHICH, 2),
        row("outbox retry 1 --dead", WHICH, 2),
    ],
)
def test_it_is_told(
    keyturn: Keyturn, words: list[str], why: str, code: int, environment: Mapping[str, str]
) -> None:
    refused = keyturn(*words, **environment)

    assert (refused.code, refused.out) == (code, "")
    assert why in " ".join(refused.err.split())
    assert "Traceback" not in refused.err
    assert code == 2 or len(refused.err.splitlines()) == 1
    assert keyturn("outbox", "list").out == "No messages yet.\n"
    assert keyturn("audit").out == "No entries yet.\n"


def test_wrong_usage_is_told_before_a_database_is_needed(keyturn: Keyturn) -> None:
    for words in (
        "outbox retry",
        "accounts invite",
        "accounts invite ada",
        f"accounts phone {ADA} 07700",
        "audit --email ada",
    ):
        refused = keyturn(*split(words))
        assert refused.code
        assert "keyturn migrate" not in refused.err
