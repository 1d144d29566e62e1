"""audit."""

import asyncio
import json
from datetime import timedelta

import pytest
from tests.cli.command import Keyturn

from keyturn.service.clock import now
from keyturn.service.parts import Parts
from keyturn.service.reset.records.client import Client
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long

ADA, EVE = "ada@northwind.example", "eve@northwind.example"
HERE = Client(ip_address="192.0.2.1", user_agent="curl/8", request_id="r-1")


def happened(email: str, event: str = "reset_request", outcome: str = "link_mailed", *, days_ago: int = 0) -> None:
    """Write an entry as the service does."""

    async def write() -> None:
        parts = Parts(read_settings(sending=False))
        await parts.records.transact(
            lambda tx: tx.audit.write(event, outcome, HERE, now() - timedelta(days=days_ago), "", email)
        )
        await parts.close()

    asyncio.run(write())


def emails(shown: str) -> list[str]:
    return [entry["email"] for entry in json.loads(shown)]


def test_the_trail_says_who_asked_for_what_and_what_became_of_it(migrated: Keyturn) -> None:
    happened(ADA)
    head, line = migrated("audit").out.splitlines()

    assert {"EVENT", "OUTCOME", "EMAIL", "ADDRESS"} < set(head.split())
    assert {"reset_request", "link_mailed", ADA, "192.0.2.1"} < set(line.split())


def test_a_machine_gets_every_field(migrated: Keyturn) -> None:
    happened(ADA)
    (entry,) = json.loads(migrated("audit", "--json").out)

    assert (entry["event"], entry["outcome"], entry["email"]) == ("reset_request", "link_mailed", ADA)
    assert (entry["ip_address"], entry["user_agent"], entry["request_id"]) == ("192.0.2.1", "curl/8", "r-1")


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--email", f" {ADA.upper()}", [ADA]),
        ("--email", "nobody@northwind.example", []),
        ("--since", "1h", [EVE]),
        ("--since", "4d", [EVE, ADA]),
        ("--last", "1", [EVE]),
        ("--last", "2", [EVE, ADA]),
    ],
)
def test_the_trail_of_one_address_of_the_last_while_or_the_last_so_many_has_the_newest_first(
    migrated: Keyturn, option: str, value: str, found: list[str]
) -> None:
    happened(ADA, days_ago=3)
    happened(EVE)

    assert emails(migrated("audit", "--json", option, value).out) == found


def test_an_empty_trail_says_so(migrated: Keyturn) -> None:
    assert migrated("audit").out == "No entries yet.\n"
    assert json.loads(migrated("audit", "--json").out) == []


@pytest.mark.parametrize(
    ("option", "value", "code", "why"),
    [
        ("--since", "yesterday", 2, "as in 90s, 30m, 1h or 7d"),
        ("--last", "0", 2, "--last"),
        ("--email", "nobody", 1, "email: not an email address"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(migrated: Keyturn, option: str, value: str, code: int, why: str) -> None:
    refused = migrated("audit", option, value)

    assert refused.code == code
    assert why in refused.err
