"""Whether the source of leaked passwords answers."""

import pytest
from tests.range_server import Fault, running_ranges

from keyturn.mail.port.finding import Finding
from keyturn.service.reset.passwords.breaches import check
from keyturn.service.settings import PasswordSettings, Settings


async def found(url: str) -> Finding:
    (finding,) = await check(Settings(password=PasswordSettings(breaches=url)))
    assert finding.check == "breaches"
    return finding


async def test_a_source_that_knows_the_most_leaked_password_is_fine() -> None:
    async with running_ranges() as server:
        server.leaked = {"password": 10_000_000}
        told = await found(server.url)

    assert (told.verdict, told.message) == ("ok", '127.0.0.1 works: it lists the password "password"')


@pytest.mark.parametrize("fault", [None, Fault.SILENT, Fault.UNAVAILABLE, Fault.GARBAGE])
async def test_a_source_that_fails_is_a_warning_since_passwords_are_taken_without(fault: Fault | None) -> None:
    async with running_ranges() as server:
        server.fault = fault
        told = await found(server.url)

    assert told.verdict == "warn"
    assert told.fix
