"""The sending domain: what its SPF, DKIM and DMARC records tell receivers, what to add, and a DNS
that does not say.
"""

import asyncio
import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tests.commands.doctor.production import RSA, encoded
from tests.servers.dns import DnsServer

from keyturn.mail.port.check_result import CheckResult
from keyturn.mail.port.provider import Spf
from keyturn.mail.providers import PROVIDERS
from keyturn.service.doctor import Dns
from keyturn.service.doctor.domain import check_domain, judge_dkim, judge_dmarc, judge_spf
from keyturn.service.doctor.nameserver import Unanswered

DOMAIN = "northwind.example"


async def findings(dns: Dns, *providers: str, domain: str = DOMAIN) -> dict[str, CheckResult]:
    found = await check_domain(domain, [PROVIDERS[name] for name in providers or ("resend",)], dns)
    return {one.check: one for one in found}


async def test_a_domain_without_records_is_told_which_to_add(
    nameserver: DnsServer, dns: Dns
) -> None:
    nameserver.add(DOMAIN, "A", "192.0.2.1")
    found = await findings(dns)

    assert {name: one.verdict for name, one in found.items()} == {
        "spf": "warn",
        "dkim": "fail",
        "dmarc": "warn",
    }
    assert found["spf"].fix == f'Add TXT send.{DOMAIN} "v=spf1 include:amazonses.com ~all".'
    assert found["dkim"].fix.startswith(
        f"Copy the TXT record resend._domainkey.{DOMAIN} from https://resend.com/"
    )
    assert found["dmarc"].fix.startswith(f'Add TXT _dmarc.{DOMAIN} "v=DMARC1; p=none')


async def test_a_nameserver_that_fails_is_silent_or_knows_no_domain_is_no_verdict(
    told: DnsServer, dns: Dns
) -> None:
    unknown = await findings(dns, domain="northwind.test")
    assert [one.message for one in unknown.values()] == ["the DNS has no northwind.test"]

    told.failing.add("example")
    (failed,) = (await findings(dns)).values()
    told.silent = True
    async with asyncio.timeout(10):
        (silent,) = (await findings(Dns(told.address, patience=0.2))).values()
    for found, why in ((failed, f"gave an error for {DOMAIN}"), (silent, "in time")):
        assert (found.verdict, found.message.startswith("could not be checked: ")) == ("warn", True)
        assert (why in found.message, "nameserver" in found.fix) == (True, True)


async def test_over_smtp_the_dkim_key_is_skipped_and_the_policy_of_the_organization_found(
    nameserver: DnsServer, dns: Dns
) -> None:
    nameserver.txt(f"mail.{DOMAIN}", "v=spf1 mx ~all")
    nameserver.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject; sp=quarantine")
    found = await findings(dns, "smtp", domain=f"mail.{DOMAIN}")

    assert (found["dkim"].verdict, "dkim=pass" in found["dkim"].fix) == ("skip", True)
    assert (found["dmarc"].verdict, found["dmarc"].message) == (
        "ok",
        f"_dmarc.{DOMAIN} says sp=quarantine",
    )


@pytest.mark.parametrize(
    ("texts", "term", "verdict", "fix"),
    [
        (["google-site-verification=abc", "v=spf1 mx -all"], "", "ok", ""),
        (["v=spf1 mx +all"], "", "fail", "Replace +all with ~all."),
        (["v=spf1 mx ?all"], "", "warn", "Replace ?all with ~all."),
        (["v=spf1 mx"], "", "warn", "End the record with ~all."),
        (
            ["v=spf1 redirect=_spf.example"],
            "",
            "skip",
            "Look for spf=pass in the headers of a delivered mail.",
        ),
        (["v=spf1 mx -all", "v=spf1 a -all"], "", "fail", "Merge them into one TXT record."),
        (
            ["v=spf1 mx -all"],
            "include:a.test",
            "fail",
            "Add include:a.test to the record, before the term all.",
        ),
        (
            ["v=spf10 -all"],
            "include:a.test",
            "warn",
            f'Add TXT {DOMAIN} "v=spf1 include:a.test ~all".',
        ),
    ],
)
def test_spf_is_judged_by_its_terms_and_its_end(
    texts: list[str], term: str, verdict: str, fix: str
) -> None:
    found = judge_spf(DOMAIN, texts, Spf(term=term, missing="warn"))
    assert (found.verdict, found.fix) == (verdict, fix)


def test_dmarc_is_judged_by_its_policy() -> None:
    for texts, verdict, said in (
        (["v=DMARC1; p=reject"], "ok", "says p=reject"),
        (["v=DMARC1; p=none"], "warn", "mail with a forged sender is delivered"),
        (["v=DMARC1; rua=mailto:a@b.example"], "warn", "p=none"),
        (["v=DMARC1; p=rejekt"], "fail", "has no valid p="),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], "fail", "2 DMARC records"),
        (["v=spf1 -all"], "warn", "no DMARC record"),
    ):
        found = judge_dmarc(DOMAIN, {f"_dmarc.{DOMAIN}": texts})
        assert (found.verdict, said in found.message) == (verdict, True), found


async def test_texts_are_told_as_they_are_wherever_an_alias_leads(
    nameserver: DnsServer, dns: Dns
) -> None:
    long = "p=" + "A" * 600  # several strings
    nameserver.txt(DOMAIN, "v=spf1 -all", long)
    nameserver.add(f"resend._domainkey.{DOMAIN}", "CNAME", f"{DOMAIN}.")
    nameserver.add(f"a.{DOMAIN}", "A", "192.0.2.1")

    for name in (DOMAIN, f"resend._domainkey.{DOMAIN}"):
        assert sorted(await dns.texts(name)) == [long, "v=spf1 -all"]
    for name in (f"a.{DOMAIN}", f"nothing.{DOMAIN}", "nothing"):
        assert await dns.texts(name) == []
    assert nameserver.asked[-1] == "TXT nothing", "no search list is applied"
    with pytest.raises(Unanswered):
        await dns.texts(f"{'a' * 64}.example")  # which DNS cannot hold


NAME = "resend._domainkey.northwind.example"
PAGE = "https://provider.example/domains"
REMEDY = f"Copy the TXT record {NAME} from {PAGE} into your DNS."
ED25519 = base64.b64encode(bytes(range(32))).decode()

READ = f"{NAME} has a key"
NOT_VALID = f"the DKIM key at {NAME} is not valid: it may be cut off or mistyped"


@pytest.mark.parametrize(
    ("texts", "verdict", "message"),
    [
        (["some other text", f"p={RSA}"], "ok", READ),
        ([f"v=DKIM1;k=rsa;t=s;p={RSA};"], "ok", READ),
        ([f"p={RSA[:100]} {RSA[100:]}"], "ok", READ),  # RFC 6376 3.2 allows white space in base64
        ([f"v=DKIM1; k=ed25519; p={ED25519}"], "ok", READ),
        *((nothing, "fail", f"no DKIM key at {NAME}") for nothing in ([], ["v=DKIM1; k=rsa"])),
        (["v=DKIM1; p="], "fail", f"the DKIM key at {NAME} was revoked: its p= is empty"),
        *(
            ([f"v=DKIM1; k=rsa; p={key}"], "fail", NOT_VALID)
            for key in (RSA[:120], "@@@@", f"{RSA}AAAA", "MTIz")
        ),
        ([f"p={encoded(generate_private_key(SECP256R1()))}"], "fail", NOT_VALID),
        (
            [f"p={RSA}", f"v=DKIM1; p={RSA}"],
            "fail",
            f"2 DKIM keys at {NAME}, of which receivers use any",
        ),
    ],
)
def test_a_key_is_judged_as_receivers_read_it(texts: list[str], verdict: str, message: str) -> None:
    found = judge_dkim(NAME, texts, PAGE)

    assert (found.verdict, found.message) == (verdict, message)
    assert found.fix == (
        "" if verdict == "ok" else f"Keep one. {REMEDY}" if len(texts) == 2 else REMEDY
    )
