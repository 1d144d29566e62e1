"""The client that a request is counted for."""

import pytest

from keyturn.mail.port.finding import Finding
from keyturn.service.doctor.configuration import check_clients
from keyturn.service.settings import ServerSettings, Settings


async def told(*proxies: str) -> Finding:
    (found,) = await check_clients(Settings(server=ServerSettings(trusted_proxies=proxies)))
    assert found.check == "clients"
    return found


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0", "10.0.0.0/0", "::ffff:0.0.0.0/96"])
async def test_trusting_everybody_is_a_doubt(everybody: str) -> None:
    found = await told("127.0.0.1", everybody)

    assert found.verdict == "warn"
    assert everybody in found.message
    assert "server.trusted_proxies" in found.mend


HERE = "by 127.0.0.1 counts as 203.0.113.7, by ::1 counts as ::1"


@pytest.mark.parametrize(
    ("proxies", "told_of"),
    [
        ([], "by 127.0.0.1 counts as 127.0.0.1"),
        *(([proxy], HERE) for proxy in ("127.0.0.1", "127.0.0.1/8", "::ffff:127.0.0.1", "::ffff:127.0.0.1/104")),
        (["10.0.0.0/8"], "by 10.0.0.1 counts as 203.0.113.7"),
        (["10.1.2.3"], "by 10.1.2.3 counts as 203.0.113.7"),
        (["2001:db8::7"], "by 2001:db8::7 counts as 203.0.113.7"),
    ],
)
async def test_it_is_told_as_which_client_a_request_of_a_proxy_counts(proxies: list[str], told_of: str) -> None:
    found = await told(*proxies)

    assert found.verdict == "ok"
    assert told_of in found.message
