"""The receivers of shared signals are reached, and the signing key is not too old."""

from datetime import timedelta

import pytest
from tests.doctor.test_webhook import listening
from tests.signals.receiver import signals

from keyturn.database import now
from keyturn.doctor.services import check_signals
from keyturn.settings import Secret, Settings


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
