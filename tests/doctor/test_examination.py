"""All checks together: what a fault of the settings holds back, and what it does not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.doctor.dns_server import DnsServer
from tests.doctor.test_resend import domain
from tests.resend_server.answers import Answer, Trouble
from tests.resend_server.server import API_KEY, ResendServer

from keyturn.errors import Fault
from keyturn.mail.providers.resend import ResendSettings
from keyturn.mail.providers.smtp import SmtpSettings
from keyturn.service.doctor import Dns, Finding, examine
from keyturn.service.settings import Brand, DatabaseSettings, MailSettings, Secret, Settings
from keyturn.service.settings.reading import Reading, inspect_settings

pytestmark = pytest.mark.slow

FINE = ["settings", "database", "accounts", "limits", "clients", "resend", "spf", "dkim", "dmarc", "replies"]


def reading(settings: Settings, *faults: Fault, **changes: Any) -> Reading:
    changed = msgspec.structs.replace(settings, **changes)
    return Reading(file=Path("keyturn.toml"), settings=changed, faults=faults)


def verdicts(findings: Sequence[Finding]) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in findings}


@pytest.fixture
def told(told: DnsServer, resend: ResendServer) -> DnsServer:
    """Give the test a Resend that holds all that is wanted, as the nameserver does."""
    resend.domains.append(domain())
    return told


@pytest.mark.usefixtures("told")
async def test_where_all_is_well_every_check_says_so(production: Settings, dns: Dns) -> None:
    findings = await examine(reading(production), dns)

    assert [(finding.check, finding.verdict) for finding in findings] == [(name, "ok") for name in FINE]
    assert not any(finding.mend for finding in findings)


@pytest.mark.usefixtures("told")
async def test_whatever_is_not_well_says_what_to_mend(production: Settings, dns: Dns, tmp_path: Path) -> None:
    broken = reading(
        production,
        Fault("token.ttl", "not a duration"),
        database=DatabaseSettings(url=Secret(f"sqlite:///{tmp_path / 'none.db'}")),
        resend=ResendSettings(api_key=Secret("re_wrong"), api_url=production.resend.api_url),
        mail=MailSettings(from_="accounts@northwind.test", reply_to="help@northwind.test"),
    )
    findings = await examine(broken, dns)

    assert {finding.check for finding in findings} == set(FINE)
    assert all(finding.mend for finding in findings if finding.verdict != "ok")
    assert sum(finding.verdict == "fail" for finding in findings) == 3


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        ("database.url", {"database", "accounts", "limits"}),
        ("KEYTURN_DATABASE_URL", {"database", "accounts", "limits"}),
        ("limits.request", {"limits"}),
        ("RESEND_API_KEY", {"resend"}),
        ("mail.from", {"resend", "spf", "dkim", "dmarc", "replies"}),
        ("smtp.port", set[str]()),
        ("colour", set[str]()),
        ("keyturn.toml", {"database", "accounts", "limits", "clients", "resend", "spf", "dkim", "dmarc", "replies"}),
    ],
)
async def test_a_fault_holds_back_the_checks_that_would_read_it(
    production: Settings, dns: Dns, name: str, skipped: set[str]
) -> None:
    findings = await examine(reading(production, Fault(name, "wrong")), dns)
    found = verdicts(findings)

    assert {check for check, verdict in found.items() if verdict == "skip"} == skipped
    assert {check for check, verdict in found.items() if verdict == "ok"} == set(FINE) - skipped - {"settings"}
    assert all(finding.mend == f"Fix {name} first." for finding in findings if finding.verdict == "skip")


async def test_a_file_that_cannot_be_read_is_the_one_thing_to_mend(dns: Dns, tmp_path: Path) -> None:
    file = tmp_path / "keyturn.toml"
    file.write_text("[mail", "utf-8")
    found = verdicts(await examine(inspect_settings(file, {}), dns))

    assert found.pop("settings") == "fail"
    assert set(found.values()) == {"skip"}


async def test_an_address_that_is_none_holds_back_what_would_ask_for_its_domain(dns: Dns, tmp_path: Path) -> None:
    environment = {"KEYTURN_MAIL_FROM": "nobody", "KEYTURN_BRAND_SUPPORT_ADDRESS": "help", "RESEND_API_KEY": "re_x"}
    file = tmp_path / "keyturn.toml"
    file.touch()
    findings = await examine(inspect_settings(file, environment), dns)

    named = {finding.message.partition(":")[0] for finding in findings}
    assert {"KEYTURN_MAIL_FROM", "KEYTURN_BRAND_SUPPORT_ADDRESS"} <= named
    assert not {"spf", "dkim", "dmarc", "replies"} & set(verdicts(findings))


@pytest.mark.parametrize(
    ("transport", "fallback", "checks"),
    [
        ("capture", "", ["capture", "replies"]),
        ("smtp", "", ["smtp", "spf", "dkim", "dmarc", "replies"]),
        ("resend", "smtp", ["resend", "smtp", "spf", "spf", "dkim", "dkim", "dmarc", "replies"]),
    ],
)
async def test_each_transport_that_is_used_is_checked(
    production: Settings, dns: Dns, transport: Any, fallback: Any, checks: list[str]
) -> None:
    mail = MailSettings(transport=transport, fallback=fallback, from_=production.mail.from_)
    findings = await examine(reading(production, mail=mail, smtp=SmtpSettings(host="127.0.0.1", port=1)), dns)

    assert [finding.check for finding in findings if finding.check in set(checks)] == checks
    assert "resend" in checks or "resend" not in {finding.check for finding in findings}


@pytest.mark.usefixtures("told")
async def test_a_previous_key_is_looked_at_where_there_is_one(production: Settings, dns: Dns) -> None:
    findings = await examine(reading(production, previous_secret_keys=(Secret("an older key" * 3),)), dns)

    (found,) = [finding for finding in findings if finding.check == "keys"]
    assert "no stored data needs previous_secret_keys: remove them" in found.message


async def test_a_nameserver_that_keeps_quiet_is_a_doubt(production: Settings, nameserver: DnsServer) -> None:
    nameserver.silent = True
    found = verdicts(await examine(reading(production), Dns(nameserver.address), patience=0.3))

    assert {found[name] for name in ("spf", "dkim", "dmarc", "replies")} == {"warn"}


async def test_no_secret_is_told(dns: Dns, resend: ResendServer) -> None:
    hunter = Secret("hunter2" * 6)
    settings = Settings(
        secret_key=hunter,
        previous_secret_keys=(hunter,),
        database=DatabaseSettings(url=Secret("postgresql://keyturn:hunter2@127.0.0.1:1/keyturn")),
        mail=MailSettings(transport="resend", fallback="smtp", from_="accounts@northwind.example"),
        resend=ResendSettings(api_key=Secret("re_hunter2"), api_url=resend.url),
        smtp=SmtpSettings(host="127.0.0.1", port=1, username="ada", password=Secret("hunter2")),
        brand=Brand(),
    )
    findings = await examine(reading(settings), dns)

    assert {"settings", "database", "limits", "resend", "smtp"} <= {
        finding.check for finding in findings if finding.verdict in {"fail", "warn"}
    }
    assert "hunter2" not in repr(findings)
    assert API_KEY not in repr(findings)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("coming", "said"),
    [
        pytest.param(Trouble.STALL, "no answer within 2 s", marks=pytest.mark.long, id="it hangs"),
        pytest.param(Answer(200, {"object": "list"}), "is not the API of resend", id="its answer is another's"),
    ],
)
async def test_a_check_that_does_not_end_well_hides_no_other(
    production: Settings, dns: Dns, resend: ResendServer, coming: Answer | Trouble, said: str
) -> None:
    resend.coming.append(coming)
    findings = await examine(reading(production), dns, patience=2 if coming is Trouble.STALL else 30)
    found = verdicts(findings)

    assert found.pop("resend") == "fail"
    assert set(found.values()) == {"ok"}
    assert said in next(finding.message for finding in findings if finding.check == "resend")


class SurprisingDns(Dns):
    """Raises what no check expects, for the name of the DKIM key."""

    async def texts(self, name: str) -> list[str]:
        if "_domainkey" in name:
            raise KeyError(name)
        return await super().texts(name)


@pytest.mark.usefixtures("told")
async def test_a_check_that_fails_by_itself_hides_no_other(production: Settings, nameserver: DnsServer) -> None:
    findings = await examine(reading(production), SurprisingDns(nameserver.address))
    found = verdicts(findings)

    assert found.pop("dkim") == "fail"
    assert set(found.values()) == {"ok"}
    assert "KeyError" in next(finding.message for finding in findings if finding.check == "dkim")
