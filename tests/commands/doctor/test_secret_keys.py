"""Whether a previous secret key may leave the settings."""

import secrets
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.database import Database
from keyturn.service.doctor.secret_keys import check_previous_keys
from keyturn.service.one_time_secrets import Purpose, SecretRow
from keyturn.service.outbox.message import Seal
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.settings import DatabaseSettings, SecretStr, Settings

OLD, NEW, LOST = (
    SecretStr(digit * 4) for digit in ("0123456789abcdef", "fedcba9876543210", "02468ace13579bdf")
)


async def found_in(url: str) -> list[CheckResult]:
    kept = DatabaseSettings(url=SecretStr(url))
    return await check_previous_keys(
        Settings(secret_key=NEW, previous_secret_keys=(OLD,), database=kept)
    )


async def keep_phone(database: Database, key: SecretStr, account_id: str) -> None:
    factors = BuiltinFactors(database, [key])
    await database.transact(
        lambda connection: factors.set(connection, account_id, Purpose.PHONE, b"+447700900123")
    )


async def keep_waiting_mail(database: Database, key: SecretStr) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    row = {
        "key": secrets.token_hex(16),
        "kind": "x",
        "payload": "{}",
        "state": "waiting",
        "attempts": 0,
        "crashes": 0,
    }
    row |= {"available_at": moment, "created_at": moment, "sealed": Seal([key]).close(b"a mail")}
    await database.execute(insert(OutboxRow).values(**row))


async def test_a_previous_key_that_has_sealed_nothing_can_be_removed(
    database_url: str, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await keep_phone(database, NEW, "ada")
    await keep_waiting_mail(database, NEW)
    (found,) = await found_in(database_url)
    assert (found.verdict, found.fix) == ("ok", "")
    assert found.message.startswith(
        "no stored data needs previous_secret_keys: remove them when every process"
    )

    file = tmp_path_factory.mktemp("none") / "keyturn.db"
    for url in (f"sqlite:///{file}", "postgresql://app@db/app?poool=5"):
        (found,) = await found_in(url)
        assert (found.verdict, found.fix) == ("skip", "Fix the database first.")
    assert not file.exists()


async def test_what_a_previous_key_or_no_key_opens_is_counted_and_stays(
    database_url: str, database: Database
) -> None:
    for name, key in (("ada", OLD), ("eve", OLD), ("joe", NEW), ("bob", LOST)):
        await keep_phone(database, key, name)
    await keep_waiting_mail(database, OLD)
    before = await database.fetch(select(SecretRow))
    found = await found_in(database_url)

    assert {(one.verdict, one.message) for one in found} == {
        ("warn", "previous_secret_keys: accounts whose second factors need one of them: 2"),
        (
            "warn",
            (
                "accounts whose second factors no key decrypts, so their owners cannot reset a "
                "password: 1"
            ),
        ),
        ("warn", "previous_secret_keys: waiting mails that need one of them: 1"),
    }
    assert await database.fetch(select(SecretRow)) == before
