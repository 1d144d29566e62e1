"""The demo without an example: built-in accounts and default settings, for an invented school."""

import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account
from keyturn.errors import KeyturnError
from keyturn.parts import Parts
from keyturn.plain_files import make_private_file, make_private_folder
from keyturn.quick_imports import quick_imports
from keyturn.settings import (
    Brand,
    DatabaseSettings,
    Kind,
    MailSettings,
    MuteSettings,
    Secret,
    SecureAccountSettings,
    Settings,
)

# The demo's folder


FOLDER = Path(".keyturn")


class DemoRuns(KeyturnError):
    """Another demo runs in the folder."""


class DemoFolder:
    """`.keyturn/`, or a folder in it: its owner's alone, since captured mails hold links that work."""

    def __init__(self, example: str = "") -> None:
        self.path = FOLDER / example

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second demo out: one could mail the links of the other. Raises DemoRuns."""
        with (self.create() / "lock").open("w") as lock:
            if sys.platform != "win32":
                import fcntl  # not available on Windows

                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise DemoRuns("a demo runs in this folder already; end it, or start this one elsewhere") from None
            yield

    def secret(self) -> Secret:
        """Return the demo's own secret key, the same at every start, so that it can open what it sealed."""
        file = self.create() / "secret"
        if not file.exists():
            make_private_file(file, secrets.token_hex(32).encode())
        return Secret(file.read_text())

    def sqlite(self, name: str) -> Secret:
        return Secret(f"sqlite:///{self.path / name}")

    def create(self) -> Path:
        return make_private_folder(self.path)


if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

PASSWORD = "correct horse battery"
PASSWORD_HASH = "$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"

ACCOUNTS = (
    Account(id="", email="viewer@example.test", name="Ada Viewer", kind="viewer"),
    Account(id="", email="school@example.test", name="Northwind Office", kind="school"),
    Account(id="", email="google@example.test", name="Grace Google", kind="viewer", provider="Google"),
    Account(id="", email="disabled@example.test", name="Dan Disabled", kind="viewer", active=False),
)

BRAND = Brand(
    name="Northwind School",
    support_address="help@northwind.example",
    postal_address="12 Harbour Street, Leeds",
)
KINDS = {
    "viewer": Kind(settings_url="{base_url}/viewer-settings/security"),
    "school": Kind(settings_url="{base_url}/school-settings/security"),
}


class PlainDemo:
    """Sets up the demo that needs nothing: accounts, captured mails, the studio beside them.

    `brands` are for the studio: how the mails look for somebody else.
    """

    brands: Mapping[str, Mapping[str, Any]] = {
        "Harbour Library": {"name": "Harbour Library", "accent": "#5b3a8c", "accent_dark": "#c3a6f0"},
        "Orchard Clinic": {"name": "Orchard Clinic", "accent": "#a3461f", "accent_dark": "#f2a27e"},
    }
    notes: Sequence[str] = ()

    def __init__(self, url: str, folder: DemoFolder) -> None:
        self.settings = demo_settings(url, folder)

    @asynccontextmanager
    async def parts(self) -> AsyncIterator[Parts]:
        """Yield the parts, over a database that is ready."""
        from keyturn.database.migrations import migrate

        parts = Parts(self.settings, reload_templates=True)
        with quick_imports():
            await migrate(parts.database)
        accounts = BuiltinAccounts(parts.database)
        if not await accounts.list():
            for account in ACCOUNTS:
                await accounts.add(account, None if account.provider else PASSWORD_HASH)
        yield parts

    def routes(self) -> list["ControllerRouterHandler"]:
        return []

    async def accounts(self, _: Parts) -> Sequence[Account]:
        return ACCOUNTS


def demo_settings(url: str, folder: DemoFolder) -> Settings:
    """Return the settings of the demo, whatever keyturn.toml and the environment say."""
    return Settings(
        environment="development",
        base_url=url,
        secret_key=folder.secret(),
        brand=BRAND,
        kinds=KINDS,
        secure_account=SecureAccountSettings(lock=True),
        mute=MuteSettings(url="{base_url}/stop-emails/{token}"),
        database=DatabaseSettings(url=folder.sqlite("demo.db")),
        mail=MailSettings(transport="capture", capture_dir=str(folder.path / "mail")),
    )
