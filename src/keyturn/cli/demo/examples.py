"""The demo without an example, and the demos of example apps with existing users."""

import fcntl
import secrets
import shlex
import sqlite3
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from keyturn.cli.terminal import CommandRefused
from keyturn.extras import folder
from keyturn.plain_files import make_private_file, make_private_folder
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.container import Container
from keyturn.service.settings import (
    AccountSettings,
    Brand,
    DatabaseSettings,
    Kind,
    LogSettings,
    MailSettings,
    SecretStr,
    SecureAccountSettings,
    Settings,
)
from keyturn.service.settings.reading import inspect_settings, read_settings

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler


FOLDER = Path(".keyturn")


class DemoFolder:
    """The folder of a demo: `.keyturn/`, or a folder in it.

    Only its owner may read it, since captured mails hold links that work.
    """

    def __init__(self, example: str = "") -> None:
        self.path = FOLDER / example

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second demo out: it could send the mails of the first. Raises CommandRefused."""
        with (make_private_folder(self.path) / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fix = "stop it, or start this one in another folder"
                raise CommandRefused(f"a demo is already running in this folder: {fix}") from None
            yield

    def secret(self) -> SecretStr:
        """Return the demo's own secret key.

        It is the same at every start, so that the demo can decrypt what it encrypted before.
        """
        file = make_private_folder(self.path) / "secret"
        if not file.exists():
            make_private_file(file, secrets.token_hex(32).encode())
        return SecretStr(file.read_text())

    def sqlite(self, name: str) -> SecretStr:
        return SecretStr(f"sqlite:///{self.path / name}")


PASSWORD = "correct horse battery"
PASSWORD_HASH = "$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"

ACCOUNTS = (
    Account(id="", email="viewer@example.test", name="Ada Viewer", kind="viewer"),
    Account(id="", email="school@example.test", name="Northwind Office", kind="school"),
    Account(
        id="", email="google@example.test", name="Grace Google", kind="viewer", provider="Google"
    ),
    Account(id="", email="disabled@example.test", name="Dan Disabled", kind="viewer", active=False),
)

BRAND = Brand(
    name="Northwind School",
    support_address="help@northwind.example",
    postal_address="12 Harbour Street, Leeds",
)
KINDS = {
    name: Kind(settings_url=f"{{base_url}}/{name}-settings/security")
    for name in ("viewer", "school")
}


class PlainDemo:
    """The demo of the built-in store, with four accounts.

    `notes`: sentences under the addresses of its pages.
    """

    notes: Sequence[str] = ()

    def __init__(self, url: str, home: DemoFolder) -> None:
        # keyturn.toml and the environment are ignored.
        self.settings = Settings(
            environment="development",
            base_url=url,
            secret_key=home.secret(),
            brand=BRAND,
            kinds=KINDS,
            secure_account=SecureAccountSettings(lock=True),
            database=DatabaseSettings(url=home.sqlite("demo.db")),
            logs=LogSettings(level="warning"),
            mail=MailSettings(transport="capture", capture_dir=str(home.path / "mail")),
        )

    async def container(self) -> Container:
        container = await _migrated(self.settings)
        store = BuiltinAccounts(container.database)
        if not await store.list():
            for account in ACCOUNTS:
                await store.add(account, None if account.provider else PASSWORD_HASH)
        return container

    def routes(self) -> list["ControllerRouterHandler"]:
        return []

    async def accounts(self, _: Container) -> Sequence[Account]:
        return ACCOUNTS


async def _migrated(settings: Settings) -> Container:
    from keyturn.service.database.migrations import migrate

    container = Container(settings, reload_templates=True)
    await migrate(container.database)
    return container


_SCHEMA = "schema.sql"
_ACCOUNTS = "accounts.sql"
_PAGES = {".html": "text/html", ".css": "text/css"}
_PASSWORD_COLUMN = "demo_password"  # in place of the passwords that Supabase Auth would have


def example_names() -> list[str]:
    return sorted(schema.parent.name for schema in folder("examples").glob(f"*/{_SCHEMA}"))


class Example:
    """The demo of an example app, with the keyturn.toml of the example.

    Local values override its settings. Raises CommandRefused, SettingsInvalid.
    """

    def __init__(self, name: str, url: str, home: DemoFolder) -> None:
        self.notes: list[str] = []
        if name not in example_names():
            raise CommandRefused(
                f"there is no example {name}: choose one of {', '.join(example_names())}"
            )
        self._source = folder("examples") / name
        self._home = home
        self._app_database = home.path / "app.db"
        file = self._source / "keyturn.toml"
        environ = _variables_in(self._source / "env.example")
        written = inspect_settings(file, environ).settings
        self._is_at_supabase = written.accounts.store == "supabase"
        self.settings = read_settings(file, environ | self._local_variables(written, url))
        if self._is_at_supabase:
            table = msgspec.structs.replace(self.settings.accounts.table, password=_PASSWORD_COLUMN)
            accounts = AccountSettings(store="table", table=table)
            self.settings = msgspec.structs.replace(self.settings, accounts=accounts)
            self.notes.append(
                "A local page and a column of the app's table stand in for Supabase Auth."
            )

    async def container(self) -> Container:
        self._make_app_database()
        container = await _migrated(self.settings)
        await self._set_factors(container)
        return container

    def routes(self) -> list["ControllerRouterHandler"]:
        """Return a route for each HTML and CSS file of the example, at the file's name."""
        pages = [file for file in sorted(self._source.iterdir()) if file.suffix in _PAGES]
        return [_page_of(file) for file in pages]

    async def accounts(self, container: Container) -> Sequence[Account]:
        table = self.settings.accounts.table
        with closing(sqlite3.connect(self._app_database)) as database:
            # The names are those of the packaged examples.
            emails = f'SELECT "{table.email}" FROM "{table.table}" ORDER BY rowid'  # noqa: S608
            stored = database.execute(emails).fetchall()
        accounts = []
        for (email,) in stored:
            account = await container.accounts.find(email)
            if account:
                accounts.append(account)
        return accounts

    def _local_variables(self, written: Settings, url: str) -> dict[str, str]:
        """Return the variables that take the place of values of the example's file, `written`."""
        base = written.base_url.rstrip("/")
        here = {
            "ENVIRONMENT": "development",
            "BASE_URL": url,
            "RESET_URL": written.reset_url.replace(base, url, 1),
            "FORGOT_URL": written.forgot_url.replace(base, url, 1),
            # Keyturn's page is in place of the app's.
            "SIGN_IN_URL": written.sign_in_url.replace(base, "{base_url}", 1),
            "SECRET_KEY": self._home.secret(),
            "DATABASE_URL": self._home.sqlite("app.db"),
            # The sender in the file may be a placeholder.
            "MAIL_FROM": f"{written.brand.name} <no-reply@{self._source.name}.test>",
            "BRAND_SUPPORT_ADDRESS": f"support@{self._source.name}.test",
            "LOGS_LEVEL": "warning",
            "MAIL_TRANSPORT": "capture",
            "MAIL_CAPTURE_DIR": str(self._home.path / "mail"),
            "RESEND_API_KEY": "",
            "SMTP_HOST": "",
        }
        if written.accounts.table.url:  # Keyturn's tables are apart from the app's
            here["DATABASE_URL"] = self._home.sqlite("keyturn.db")
            here["ACCOUNTS_TABLE_URL"] = self._home.sqlite("app.db")
        if written.second_step.source == "builtin":
            # Codes by SMS are captured, too.
            here["SECOND_STEP_SMS_ACCOUNT"] = "AC0"
            here["SECOND_STEP_SMS_PASSWORD"] = "none"
            here["SECOND_STEP_SMS_FROM"] = "+15005550006"
        if self._is_at_supabase:
            here["ACCOUNTS_SUPABASE_URL"] = "http://127.0.0.1"  # it is never called
        return {f"KEYTURN_{name}": value for name, value in here.items()}

    def _make_app_database(self) -> None:
        if self._app_database.exists():
            return
        new = make_private_folder(self._home.path) / "app.db.new"
        new.unlink(missing_ok=True)
        with closing(sqlite3.connect(new)) as database:
            for script in (_SCHEMA, _ACCOUNTS):
                database.executescript((self._source / script).read_text("utf-8"))
            if self._is_at_supabase:
                table = self.settings.accounts.table.table
                database.execute(f'ALTER TABLE "{table}" ADD COLUMN {_PASSWORD_COLUMN} TEXT')
                # The names are those of the packaged examples.
                set_password = f'UPDATE "{table}" SET {_PASSWORD_COLUMN} = ?'  # noqa: S608
                database.execute(set_password, [PASSWORD_HASH])
            database.commit()
        new.rename(self._app_database)

    async def _set_factors(self, container: Container) -> None:
        """Store the second factors that the example's file names, and note how to try them."""
        file = self._source / "second_factors.toml"
        stored = container.second_step.builtin if container.second_step else None
        if stored is None or not file.is_file():
            return
        factors_by_email = tomllib.loads(file.read_text("utf-8"))
        for email, factors in factors_by_email.items():
            account = await container.accounts.find(email)
            if account is None:
                continue
            set_all = partial(stored.set_all, account_id=account.id, factors=factors)
            codes = await container.database.transact(set_all)
            if "phone" in factors:
                self.notes.append(
                    f"{email} has a phone: its codes, for a reset and to sign in, are among the "
                    "emails sent."
                )
            if "totp" in factors:
                self.notes.append(
                    f"{email} has an authenticator app with the key {factors['totp']}."
                )
                self.notes.append(
                    f"Without an app, use a recovery code, each once: {codes[0]} or {codes[1]}"
                )


def _variables_in(file: Path) -> dict[str, str]:
    """Return the variables of a file with lines such as NAME="a value"."""
    variables = {}
    for word in shlex.split(file.read_text("utf-8"), comments=True):
        name, _, value = word.partition("=")
        variables[name] = value
    return variables


def _page_of(file: Path) -> "ControllerRouterHandler":
    """Return the route that answers with a file, at the file's name."""
    from litestar import route

    @route(
        f"/{file.name}",
        http_method=["GET", "HEAD"],
        media_type=_PAGES[file.suffix],
        include_in_schema=False,
        sync_to_thread=False,
    )
    def read() -> bytes:
        return file.read_bytes()

    return read
