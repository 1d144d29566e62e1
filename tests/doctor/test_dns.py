"""Records, none, and no answer are three things."""

import asyncio

import pytest
from tests.doctor.dns_server import DnsServer

from keyturn.doctor import Dns
from keyturn.doctor.domain import Unanswered

DOMAIN = "northwind.example"


async def test_texts_are_told(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.txt(DOMAIN, "v=spf1 -all", "something else")

    assert sorted(await dns.texts(DOMAIN)) == ["something else", "v=spf1 -all"]


async def test_the_strings_of_a_long_text_are_joined(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.txt(DOMAIN, "p=" + "A" * 600)

    assert await dns.texts(DOMAIN) == ["p=" + "A" * 600]


async def test_an_alias_is_followed(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.add(f"resend._domainkey.{DOMAIN}", "CNAME", "key.provider.example.")
    nameserver.txt("key.provider.example", "p=AAAA")

    assert await dns.texts(f"resend._domainkey.{DOMAIN}") == ["p=AAAA"]


async def test_a_name_without_texts_and_a_name_that_does_not_exist_have_none(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.add(DOMAIN, "A", "192.0.2.1")

    assert await dns.texts(DOMAIN) == []
    assert await dns.texts(f"nothing.{DOMAIN}") == []


async def test_a_name_exists_where_something_is_below_it(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.txt(f"send.mail.{DOMAIN}", "v=spf1 -all")

    assert await dns.exists(f"mail.{DOMAIN}")
    assert not await dns.exists("northwind.test")


async def test_a_search_list_is_not_applied(nameserver: DnsServer, dns: Dns) -> None:
    await dns.texts("nothing")

    assert nameserver.asked == ["TXT nothing"]


async def test_a_server_that_fails_is_no_answer(nameserver: DnsServer, dns: Dns) -> None:
    nameserver.failing.add(DOMAIN)

    with pytest.raises(Unanswered, match=f"gave an error for {DOMAIN}"):
        await dns.texts(DOMAIN)


async def test_a_server_that_keeps_quiet_is_no_answer(nameserver: DnsServer) -> None:
    nameserver.silent = True

    async with asyncio.timeout(10):
        with pytest.raises(Unanswered, match="in time"):
            await Dns(nameserver.address, patience=0.2).texts(DOMAIN)


async def test_no_server_is_no_answer() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    address = transport.get_extra_info("sockname")
    transport.close()
    await asyncio.sleep(0)

    with pytest.raises(Unanswered):
        await Dns(address, patience=0.2).texts(DOMAIN)


async def test_a_name_that_dns_cannot_hold_is_no_answer(dns: Dns) -> None:
    with pytest.raises(Unanswered):
        await dns.texts(f"{'a' * 64}.example")


@pytest.mark.parametrize(
    ("kind", "value", "takes_mail"),
    [
        ("MX", f"10 mail.{DOMAIN}.", True),
        ("MX", "0 .", False),
        ("A", "192.0.2.1", True),
        ("AAAA", "2001:db8::1", True),
        ("TXT", '"v=spf1 -all"', False),
    ],
)
async def test_mail_goes_to_an_exchanger_or_to_the_domain_itself(
    nameserver: DnsServer, dns: Dns, kind: str, value: str, *, takes_mail: bool
) -> None:
    nameserver.add(DOMAIN, kind, value)

    assert await dns.takes_mail(DOMAIN) is takes_mail
