"""accounts totp, phone and recovery-codes: a QR code, a proof, and codes to print."""

import os
import re
import signal
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.commands.command import ADA, BUILTIN_FACTORS, Keyturn
from tests.driver.inbox import token_in
from tests.driver.second_factors import SEED, code_of, reset_with, wrong_code
from tests.driver.service import problem, running, settings_for

from keyturn.service.reset.proofs.second_step.totp import base32

pytestmark = pytest.mark.long

TWILIO = {"ACCOUNT": "AC1", "PASSWORD": "secret", "FROM": "+14155552671"}
RECOVERY_CODE = re.compile(r"^  ((?:[0-9A-Z]{4}-){5}[0-9A-Z]{4})$", re.MULTILINE)


@pytest.fixture
def ada(migrated: Keyturn, monkeypatch: pytest.MonkeyPatch) -> Keyturn:
    """Let Ada have an account, and the system's next random bytes for a seed be those that the test
    knows.
    """
    assert migrated("accounts", "add", ADA).code == 0
    urandom = os.urandom
    monkeypatch.setattr(os, "urandom", lambda size: SEED if size == len(SEED) else urandom(size))
    return lambda *words, stdin="", **more: migrated(*words, stdin=stdin, **BUILTIN_FACTORS | more)


def test_a_seed_counts_once_a_code_was_right_and_recovery_codes_are_shown(ada: Keyturn) -> None:
    shown = ada("accounts", "totp", ADA, stdin=f"{wrong_code()}\n" * 3)
    assert shown.code == 1
    assert shown.err.endswith("keyturn: no code was valid, so nothing was changed\n")
    assert ada("accounts", "recovery-codes", ADA).code == 1
    shown = ada("accounts", "totp", ADA, stdin=f"{wrong_code()}\n{code_of()}\n")
    assert shown.code == 0, shown.err
    assert len([line for line in shown.out.splitlines() if "▀" in line or "█" in line]) > 20
    assert base32(SEED) in shown.out.replace(" ", "")
    assert "Wrong code" in shown.err
    codes = set(RECOVERY_CODE.findall(shown.out))
    assert len(codes) == 10
    more = ada("accounts", "recovery-codes", ADA)
    assert len(set(RECOVERY_CODE.findall(more.out)) - codes) == 10
    kept = ada("accounts", "totp", ADA, "--remove", stdin="n\n")
    assert (kept.code, "Remove the second factors? [y/N]" in kept.out) == (1, True)
    assert ada("accounts", "recovery-codes", ADA).code == 0
    gone = ada("accounts", "totp", ADA, "--remove", "--yes", "--as", "grace")
    assert gone.out == f"{ADA} no longer has a second factor.\n"
    trail = ada("audit").out
    for outcome in (
        "totp_set .*by \\w+",
        "recovery_codes_set .*by \\w+",
        "factors_removed .*by grace",
    ):
        assert re.search(outcome, trail)


class CtrlC:
    """The keyboard of somebody who presses Ctrl-C, and then types a valid code."""

    def readline(self) -> str:
        signal.raise_signal(signal.SIGINT)
        return f"{code_of()}\n"


def test_ctrl_c_at_a_prompt_ends_the_command_and_nothing_is_changed(ada: Keyturn) -> None:
    assert ada("accounts", "totp", ADA, stdin=CtrlC()).code == 1
    assert ada("accounts", "recovery-codes", ADA).code == 1


@pytest.fixture
def proof(ada: Keyturn) -> str:
    """Return the code that proved Ada's app."""
    code = code_of()
    assert ada("accounts", "totp", ADA, stdin=f"{code}\n").code == 0
    return code


async def test_the_code_that_proved_an_app_is_used_with_that(proof: str) -> None:
    settings = settings_for("sqlite:///.keyturn/keyturn.db", second_step={"source": "builtin"})
    assert settings.secret_key == BUILTIN_FACTORS["KEYTURN_SECRET_KEY"]
    async with running(settings) as service:
        await service.deliver()
        token = token_in(service.inbox.sent_to(ADA)[0])
        assert (
            problem(await reset_with(service, token, "totp", proof)) == "401 second-step-rejected"
        )


def test_without_the_library_for_qr_codes_there_is_an_address_and_a_phone_is_set(
    ada: Keyturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)  # not installed, as the import system sees it
    shown = ada("accounts", "totp", ADA, stdin=f"{code_of()}\n")
    assert shown.code == 0, shown.err
    address = urlsplit(
        next(line for line in shown.out.splitlines() if line.startswith("otpauth://totp/"))
    )
    assert parse_qs(address.query)["secret"] == [base32(SEED)]
    assert "pip install 'keyturn[qr]'" in shown.out

    sms = {f"KEYTURN_SECOND_STEP_SMS_{key}": value for key, value in TWILIO.items()}
    shown = ada("accounts", "phone", ADA, "+44 7700 900123", **sms)
    assert (
        shown.out
        == f"From now on, resets and sign-ins for {ADA} can send a code to +447700900123.\n"
    )
