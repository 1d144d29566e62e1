"""Records, none, and no answer are three things."""

import asyncio

import pytest
from tests.doctor.dns_server import DnsServer

from keyturn.service.doctor import Dns
from keyturn.service.doctor.domain import Unanswered

DOMAIN = "northwind.example"


async def test_a_server_that_keeps_quiet_is_no_answer(nameserver: DnsServer) -> None:
    nameserver.silent = True

    async with asyncio.timeout(10):
        with pytest.raises(Unanswered, match="in time"):
            await Dns(nameserver.address, patience=0.2).texts(DOMAIN)


async def test_texts_are_told_as_they_are_wherever_an_alias_leads(nameserver: DnsServer, dns: Dns) -> None:
    long = "p=" + "A" * 600  # several strings
    nameserver.txt(DOMAIN, "v=spf1 -all", long)
    nameserver.add(f"resend._domainkey.{DOMAIN}", "CNAME", f"{DOMAIN}.")
    nameserver.add(f"a.{DOMAIN}", "A", "192.0.2.1")

    for name in (DOMAIN, f"resend._domainkey.{DOMAIN}"):
        assert sorted(await dns.texts(name)) == [long, "v=spf1 -all"]
    for name in (f"a.{DOMAIN}", f"nothing.{DOMAIN}", "nothing"):
        assert await dns.texts(name) == []
    assert nameserver.asked[-1] == "TXT nothing", "no search list is applied"


async def test_a_server_that_fails_and_a_name_that_dns_cannot_hold_are_no_answer(
    nameserver: DnsServer, dns: Dns
) -> None:
    nameserver.failing.add(DOMAIN)

    with pytest.raises(Unanswered, match=f"gave an error for {DOMAIN}"):
        await dns.texts(DOMAIN)
    with pytest.raises(Unanswered):
        await dns.texts(f"{'a' * 64}.example")
