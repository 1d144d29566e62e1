"""Servers to measure, each in a process of its own: `python -m benchmarks.servers hello|keyturn PORT [URL]`."""

import sys
import tempfile
from pathlib import Path

import msgspec
from litestar import Litestar, post
from litestar.params import JSONBody

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account
from keyturn.app import create_app
from keyturn.cli.running import listen, run, serve
from keyturn.database.migrations import migrate
from keyturn.parts import Parts
from keyturn.settings import (
    DatabaseSettings,
    HashingSettings,
    LimitSettings,
    MailSettings,
    Secret,
    ServerSettings,
    SessionSettings,
    Settings,
)

PATH = "/api/auth/request-password-reset"
KNOWN = "known@example.test"
UNLIMITED = "1000000000/minute"


class Question(msgspec.Struct):
    email: str


@post(PATH, status_code=202)
async def hello(data: JSONBody[Question]) -> dict[str, bool]:
    """Parse and answer, nothing else: what the framework itself takes."""
    return {"success": bool(data.email)}


def settings_for(url: str, folder: Path) -> Settings:
    """Return settings without limits; everything else is the default."""
    return Settings(
        environment="development",
        secret_key=Secret("b" * 32),
        database=DatabaseSettings(url=Secret(url)),
        mail=MailSettings(transport="capture", capture_dir=str(folder)),
        limits=LimitSettings(
            request=UNLIMITED, validate=UNLIMITED, reset=UNLIMITED, login=UNLIMITED, account=UNLIMITED
        ),
        hashing=HashingSettings(queue=1000),
        server=ServerSettings(),
        session=SessionSettings(),
    )


async def serve_hello(port: int) -> None:
    app = Litestar([hello], openapi_config=None, logging_config=None)
    await serve(app, listen("127.0.0.1", port), _ready)


async def serve_keyturn(port: int, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(settings_for(url or f"sqlite:///{folder}/keyturn.db", Path(folder)))
        await migrate(parts.database)
        accounts = parts.accounts
        assert isinstance(accounts, BuiltinAccounts)
        if not await accounts.list():
            await accounts.add(Account(id="", email=KNOWN), await parts.hasher.hash("correct horse battery"))
        app = create_app(parts.settings, parts=parts, worker=False)
        await serve(app, listen("127.0.0.1", port), _ready)


def _ready() -> None:
    print("ready", flush=True)


if __name__ == "__main__":
    kind, port, *url = sys.argv[1:]
    run(serve_hello(int(port)) if kind == "hello" else serve_keyturn(int(port), url[0] if url else ""))
