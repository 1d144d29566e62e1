"""Signals cost nothing while they are off, and survive a worker that is killed."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.signals.receiver import AUDIENCE, Receiver, pem
from tests.webhooks.app import Trouble

pytestmark = pytest.mark.long


def test_a_service_without_receivers_loads_nothing_for_them() -> None:
    code = """
import sys
from keyturn.app import create_app
from keyturn.settings import Settings, Secret, MailSettings
create_app(Settings(environment="development", secret_key=Secret("x" * 32), mail=MailSettings(transport="capture")))
print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not [name for name in loaded if "joserfc" in name or "signals" in name.split(".")[-2:]]


SETTINGS = """
environment = "development"
[mail]
transport = "capture"
[worker]
lease = "3s"
poll = "100ms"
[signals]
sign_with = "2026-11"
timeout = "2s"
[signals.keys]
2026-11 = "${SIGNALS_KEY}"
[signals.receivers.workspace]
audience = "AUDIENCE"
push_to = "URL"
events = ["credential-change"]
"""

WRITES_AN_EVENT = """
import asyncio, sys
from pathlib import Path
from typing import Any
from datetime import UTC, datetime
from keyturn.outbox import Origin
from keyturn.parts import Parts
from keyturn.settings.reading import read_settings
from keyturn.webhooks.events import Event, PasswordChanged

async def main():
    parts = Parts(read_settings(Path("keyturn.toml")))
    data = PasswordChanged(account_id="7", email="ada@northwind.test", kind="", ip_address="", user_agent="",
        request_id="", how="reset")
    event = Event(type="password.changed", timestamp=datetime.now(UTC), data=data)
    await parts.database.transact(lambda connection: parts.signals.tell(connection, event, Origin()))
    await parts.close()

asyncio.run(main())
"""


def test_a_worker_that_is_killed_while_it_pushes_loses_nothing(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "keyturn.toml").write_text(SETTINGS.replace("AUDIENCE", AUDIENCE).replace("URL", receiver.url))
    environ = {**os.environ, "SIGNALS_KEY": pem(0), "KEYTURN_SECRET_KEY": "0123456789abcdef" * 2}
    given: dict[str, Any] = {"cwd": tmp_path, "env": environ}
    subprocess.run([sys.executable, "-m", "keyturn", "migrate"], check=True, capture_output=True, **given)
    subprocess.run([sys.executable, "-c", WRITES_AN_EVENT], check=True, **given)
    receiver.coming.append(Trouble.STALL)
    worker = [sys.executable, "-m", "keyturn", "worker"]

    with subprocess.Popen(worker, **given, stderr=subprocess.DEVNULL) as killed:
        asyncio.run(receiver.was_told(1))
        killed.send_signal(signal.SIGKILL)
    with subprocess.Popen(worker, **given, stderr=subprocess.DEVNULL) as later:
        try:
            asyncio.run(receiver.was_told(2))
        finally:
            later.terminate()

    first, second = (_jti(told.body) for told in receiver.told)
    assert first == second


def _jti(token: bytes) -> str:
    claims = json.loads(base64.urlsafe_b64decode(token.split(b".")[1] + b"=="))
    return str(claims["jti"])
