"""The receivers of shared signals are reached, keys are read, and the signing key is not too old."""

from datetime import timedelta

import msgspec
import pytest
from tests.doctor.test_webhook import listening
from tests.signals.receiver import signals
from tests.signals.transmitter import running_transmitter

from keyturn.database import now
from keyturn.doctor.services import check_signals
from keyturn.settings import AccountSettings, Secret, Settings, SubjectColumns, TableSettings


def month(ago: int) -> str:
    return f"{now() - timedelta(days=31 * ago):%Y-%m}"


async def test_a_receiver_that_is_reached_is_fine_and_is_sent_nothing() -> None:
    async with listening() as (port, sent):
        receiver = {"push_to": Secret(f"http://127.0.0.1:{port}/events?key=secret")}
        key, reached = await check_signals(Settings(signals=signals(month(0), workspace=receiver)))

    assert (key.verdict, key.message) == ("ok", f"the signing key {month(0)} is not older than a year")
    assert (reached.check, reached.verdict) == ("signals", "ok")
    assert reached.message == f"workspace: 127.0.0.1:{port} can be reached"
    assert sent == b""


async def test_a_receiver_that_cannot_be_reached_is_named_by_its_setting() -> None:
    workspace = {"push_to": Secret("http://127.0.0.1:9/?key=secret")}
    settings = Settings(signals=signals(month(0), workspace=workspace, directory={"stream": "poll"}))
    _, found = await check_signals(settings)

    assert found.verdict == "warn"
    assert found.message.startswith("cannot connect to 127.0.0.1:9")
    assert found.mend == "Correct signals.receivers.workspace.push_to, and let this machine connect to it."


@pytest.mark.parametrize(
    ("name", "verdict"), [(month(14), "warn"), (month(11), "ok"), ("main", "ok"), ("2026-99", "ok"), ("2026", "ok")]
)
async def test_a_key_that_is_older_than_a_year_is_a_warning(name: str, verdict: str) -> None:
    (key,) = await check_signals(Settings(signals=signals(name)))

    assert (key.verdict, name in key.message) == (verdict, True)
    assert bool(key.mend) == (verdict == "warn")


async def test_the_keys_of_a_transmitter_are_read() -> None:
    with running_transmitter() as transmitter:
        subjects = {"google": SubjectColumns(account="identities.user_id", subject="uid")}
        accounts = AccountSettings(table=TableSettings(subjects=subjects))
        settings = Settings(signals=transmitter.settings())
        (by_address,) = await check_signals(settings)
        (by_both,) = await check_signals(msgspec.structs.replace(settings, accounts=accounts))

        assert (by_address.verdict, by_both.verdict) == ("ok", "ok")
        assert (
            by_address.message == "google: its keys can be read (1); its reports find accounts by their address alone"
        )
        assert by_both.message.endswith("by their address and their id there")

        transmitter.answer = 500
        (failed,) = await check_signals(settings)
        assert failed.verdict == "warn"
        assert failed.message == "google: its keys cannot be read, so its reports wait: status 500"
        assert failed.mend == "Correct signals.transmitters.google.jwks_url, and let this machine connect to it."
