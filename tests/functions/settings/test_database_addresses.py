"""Addresses of databases: the words of other tools, and what a fault advises."""

import pytest

from keyturn.errors import SettingsInvalid
from keyturn.service.settings.database_urls import read_url

SERVER = "postgresql://app@db/app"


@pytest.mark.parametrize("scheme", ["mysql", "mysql2", "mysql-connector", "mariadb"])
def test_scheme_of_mysql(scheme: str) -> None:
    """Each scheme for MySQL that a framework or dj-database-url writes is read."""
    assert read_url(f"{scheme}://app@db/app", "accounts.table.url").kind == "mysql"


@pytest.mark.parametrize("no", ["sslmode=disable", "ssl=false", "ssl=0"])
def test_no_tls(no: str) -> None:
    """node-postgres also reads 0 for "no TLS"."""
    assert read_url(f"{SERVER}?{no}", "database.url").arguments == {"ssl": "disable"}


@pytest.mark.parametrize("yes", ["sslmode=verify-full", "ssl=true", "ssl=1"])
def test_tls(yes: str) -> None:
    """node-postgres also reads 1 for TLS, with a certificate that names the host."""
    assert read_url(f"{SERVER}?{yes}", "database.url").arguments["ssl"].check_hostname


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        (
            f"{SERVER}?ssl=maybe",
            (
                "ssl must be one of disable, allow, prefer, require, verify-ca, verify-full, true, "
                "false"
            ),
        ),
        (f"{SERVER}?tls=1", "tls is not understood: write ssl"),
        ("sqlite:///app.db?tls=1", "tls is not understood: leave it out"),
        ("sqlite:///app.db?ssl=true", "ssl is not understood: leave it out"),
    ],
)
def test_fault(address: str, fault: str) -> None:
    """A fault names the words that are read for the kind of database, and no other ones."""
    with pytest.raises(SettingsInvalid) as invalid:
        read_url(address, "database.url")
    assert [fault.message for fault in invalid.value.faults] == [fault]
