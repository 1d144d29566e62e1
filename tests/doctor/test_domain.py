"""The sending domain, asked of a real nameserver."""

import pytest
from tests.doctor.dns_server import DnsServer

from keyturn.mail.providers import PROVIDERS
from keyturn.service.doctor import Dns, Finding
from keyturn.service.doctor.domain import check_dkim, check_dmarc, check_replies, check_spf, domain_of

DOMAIN = "northwind.example"
CHECKS = ["spf", "dkim", "dmarc"]


async def check(name: str, dns: Dns, provider: str = "resend", domain: str = DOMAIN) -> Finding:
    if name == "dmarc":
        (found,) = await check_dmarc(domain, dns)
    else:
        (found,) = await {"spf": check_spf, "dkim": check_dkim}[name](domain, PROVIDERS[provider], dns)
    assert found.check == name
    return found


@pytest.mark.parametrize(
    ("name", "verdict", "mend"),
    [
        ("spf", "warn", f'Add TXT send.{DOMAIN} "v=spf1 include:amazonses.com ~all".'),
        (
            "dkim",
            "fail",
            f"Copy the TXT record resend._domainkey.{DOMAIN} from https://resend.com/domains into your DNS.",
        ),
        ("dmarc", "warn", f'Add TXT _dmarc.{DOMAIN} "v=DMARC1; p=none'),
    ],
)
async def test_a_domain_without_records_is_told_which_to_add(
    nameserver: DnsServer, dns: Dns, name: str, verdict: str, mend: str
) -> None:
    nameserver.add(DOMAIN, "A", "192.0.2.1")
    found = await check(name, dns)

    assert found.verdict == verdict
    assert found.mend.startswith(mend)


@pytest.mark.parametrize("name", CHECKS)
async def test_a_nameserver_that_fails_or_does_not_know_the_domain_is_no_verdict(
    told: DnsServer, dns: Dns, name: str
) -> None:
    unknown = await check(name, dns, domain="northwind.test")
    assert (unknown.verdict, unknown.message) == ("warn", "could not be checked: the DNS has no northwind.test")
    assert "TXT" in unknown.mend

    told.failing.add("example")
    found = await check(name, dns)

    assert found.verdict == "warn"
    assert found.message.startswith("could not be checked: ")
    assert "nameserver" in found.mend


async def test_a_redirect_to_itself_comes_to_an_end(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.txt(DOMAIN, f"v=spf1 redirect={DOMAIN}")

    assert (await check("spf", dns, "smtp")).verdict == "warn"
    assert len(nameserver.asked) < 15


async def test_over_smtp_the_dkim_key_is_skipped_with_a_sentence(dns: Dns, nameserver: DnsServer) -> None:
    found = await check("dkim", dns, "smtp")

    assert found.verdict == "skip"
    assert "dkim=pass" in found.mend
    assert nameserver.asked == []


async def test_the_policy_of_the_organization_is_found(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.txt(f"send.mail.{DOMAIN}", "v=spf1 include:amazonses.com ~all")
    nameserver.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject; sp=quarantine")
    (found,) = await check_dmarc(f"mail.{DOMAIN}", dns)

    assert (found.verdict, found.message) == ("ok", f"_dmarc.{DOMAIN} says sp=quarantine")


async def test_answers_need_somewhere_to_go(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.add(DOMAIN, "MX", f"10 mail.{DOMAIN}.")
    (one,) = await check_replies(DOMAIN, dns)
    (other,) = await check_replies("northwind.test", dns)
    nameserver.failing.add("northwind.test")
    (unknown,) = await check_replies("northwind.test", dns)

    assert [one.verdict, other.verdict, unknown.verdict] == ["ok", "warn", "warn"]
    assert "MX record for northwind.test" in other.mend
    assert "could not be checked" in unknown.message


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Northwind School <accounts@Northwind.example>", "northwind.example"),
        ("accounts@bücher.example", "xn--bcher-kva.example"),
        ("", ""),
        ("nobody", ""),
    ],
)
def test_a_domain_is_asked_for_by_the_name_that_the_dns_knows(address: str, domain: str) -> None:
    assert domain_of(address) == domain


async def test_over_smtp_the_spf_record_of_the_address_counts_and_its_redirect(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.txt(f"send.{DOMAIN}", "v=spf1 include:amazonses.com ~all")
    assert (await check("spf", dns, "smtp")).verdict == "fail"

    nameserver.txt(f"_spf.{DOMAIN}", "v=spf1 mx +all")
    nameserver.txt(DOMAIN, f"v=spf1 redirect=_spf.{DOMAIN}")
    found = await check("spf", dns, "smtp")
    assert found.verdict == "fail"
    assert f"_spf.{DOMAIN}" in found.message
