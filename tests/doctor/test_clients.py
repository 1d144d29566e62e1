"""The client that a request is counted for."""

import pytest

from keyturn.doctor.configuration import check_clients
from keyturn.finding import Finding
from keyturn.settings import ServerSettings, Settings


async def told(*proxies: str) -> Finding:
    (found,) = await check_clients(Settings(server=ServerSettings(trusted_proxies=proxies)))
    assert found.check == "clients"
    return found


@pytest.mark.parametrize("proxy", ["127.0.0.1", "127.0.0.1/8", "::ffff:127.0.0.1", "::ffff:127.0.0.1/104"])
async def test_it_is_told_that_the_other_address_of_this_machine_is_no_proxy(proxy: str) -> None:
    found = await told(proxy)

    assert found.verdict == "ok"
    assert "by 127.0.0.1 counts as 203.0.113.7, by ::1 counts as ::1" in found.message


async def test_where_no_proxy_is_named_it_is_told_that_proxies_are_the_clients() -> None:
    assert "by 127.0.0.1 counts as 127.0.0.1" in (await told()).message


@pytest.mark.parametrize(
    ("proxy", "peer"), [("10.0.0.0/8", "10.0.0.1"), ("10.1.2.3", "10.1.2.3"), ("2001:db8::7", "2001:db8::7")]
)
async def test_a_proxy_of_another_machine_is_told_as_well(proxy: str, peer: str) -> None:
    assert f"by {peer} counts as 203.0.113.7" in (await told(proxy)).message


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0", "10.0.0.0/0", "::ffff:0.0.0.0/96"])
async def test_trusting_everybody_is_a_doubt(everybody: str) -> None:
    found = await told("127.0.0.1", everybody)

    assert found.verdict == "warn"
    assert everybody in found.message
    assert "server.trusted_proxies" in found.mend
