"""All checks together: what a fault of the settings holds back, and what it does not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.commands.doctor.production import domain
from tests.servers.dns import DnsServer
from tests.servers.mail_providers.answers import Answer, Trouble
from tests.servers.mail_providers.resend import ResendServer
from tests.servers.serving import NOWHERE

from keyturn.errors import Fault
from keyturn.mail.providers.smtp import Smtp
from keyturn.service.doctor import Dns, Finding, examine
from keyturn.service.settings import (
    ChallengeSettings,
    MailSettings,
    PasswordSettings,
    SecretStr,
    Settings,
)
from keyturn.service.settings.reading import Reading, inspect_settings

pytestmark = pytest.mark.slow


NO_SMTP = Smtp(host="127.0.0.1", port=1)
WITH_SMTP = MailSettings(fallback="smtp", from_="accounts@northwind.example")


def reading(settings: Settings, *faults: Fault, **changes: Any) -> Reading:
    file = Path("keyturn.toml")
    file.touch()
    return Reading(file=file, settings=msgspec.structs.replace(settings, **changes), faults=faults)


def verdicts(findings: Sequence[Finding]) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in findings}


async def test_a_fault_of_the_settings_holds_back_all_other_checks(
    dns: Dns, tmp_path: Path
) -> None:
    file = tmp_path / "keyturn.toml"
    file.touch()
    findings = await examine(inspect_settings(file, {"KEYTURN_MAIL_FROM": "nobody"}), dns)
    assert "KEYTURN_MAIL_FROM" in {finding.message.partition(":")[0] for finding in findings}
    assert [one.check for one in findings if one.check != "settings"] == ["others"]
    assert [one.fix for one in findings if one.verdict == "skip"] == ["Fix the settings first."]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"smtp": NO_SMTP, "mail": WITH_SMTP}, "smtp"),
        ({"previous_secret_keys": (SecretStr("0123456789abcdef" * 4),)}, "keys"),
        ({"password": PasswordSettings(breaches=NOWHERE)}, "breaches"),
        (
            {
                "challenge": ChallengeSettings(
                    method="turnstile", secret=SecretStr("right"), url=NOWHERE
                )
            },
            "challenge",
        ),
    ],
)
async def test_what_is_set_is_checked(
    production: Settings, dns: Dns, changes: dict[str, Any], check: str
) -> None:
    before = verdicts(await examine(reading(production), dns))

    assert verdicts(await examine(reading(production, **changes), dns)).keys() - before.keys() == {
        check
    }


class SurprisingDns(Dns):
    async def texts(self, name: str) -> list[str]:
        raise KeyError(name)


@pytest.mark.parametrize(
    ("coming", "asks", "check", "said"),
    [
        pytest.param(
            Trouble.STALL,
            Dns,
            "resend",
            "no answer within 2 s",
            marks=pytest.mark.long,
            id="it hangs",
        ),
        pytest.param(
            Answer(200, {"object": "list"}),
            Dns,
            "resend",
            "is not the API of resend",
            id="another's answer",
        ),
        pytest.param(None, SurprisingDns, "domain", "KeyError", id="it fails by itself"),
    ],
)
async def test_a_check_that_fails_hides_no_other(
    production: Settings,
    told: DnsServer,
    resend: ResendServer,
    coming: Any,
    asks: type[Dns],
    check: str,
    said: str,
) -> None:
    resend.domains.append(domain())
    resend.coming.extend([coming] if coming else [])
    patience = 2 if coming is Trouble.STALL else 30
    findings = await examine(reading(production), asks(told.address), patience=patience)
    found = verdicts(findings)

    assert found.pop(check) == "fail"
    assert set(found.values()) == {"ok"}
    assert said in next(finding.message for finding in findings if finding.check == check)
