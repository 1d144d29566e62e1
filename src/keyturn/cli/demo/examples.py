"""The demo without an example, and that of an app with existing users, by the example's own
keyturn.toml.
"""

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
from keyturn.service import settings as service
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.container import Container
from keyturn.service.settings.reading import inspect_settings, read_settings

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler


FOLDER = Path(".keyturn")


class DemoFolder:
    """`.keyturn/`, or a folder in it: its owner's alone,
    since captured mails hold links that work.
    """

    def __init__(self, example: str = "") -> None:
        self.path = FOLDER / example

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second demo out: one could mail the links of the other. Raises CommandRefused."""
        with (make_private_folder(self.path) / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fix = "stop it, or start this one in another folder"
                raise CommandRefused(f"a demo is already running in this folder: {fix}") from None
            yield

    def secret(self) -> service.SecretStr:
        """Return the demo's own secret key, the same at every start, so that it can open what it
        sealed.
        """
        file = make_private_folder(self.path) / "secret"
        if not file.exists():
            make_private_file(file, secrets.token_hex(32).encode())
        return service.SecretStr(file.read_text())

    def sqlite(self, name: str) -> service.SecretStr:
        return service.SecretStr(f"sqlite:///{self.path / name}")


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

BRAND = service.Brand(
    name="Northwind School",
    support_address="help@northwind.example",
    postal_address="12 Harbour Street, Leeds",
)
KINDS = {
    name: service.Kind(settings_url=f"{{base_url}}/{name}-settings/security")
    for name in ("viewer", "school")
}


class PlainDemo:
    notes: Sequence[str] = ()

    def __init__(self, url: str, folder: DemoFolder) -> None:
        # Whatever keyturn.toml and the environment say.
        self.settings = service.Settings(
            environment="development",
            base_url=url,
            secret_key=folder.secret(),
            brand=BRAND,
            kinds=KINDS,
            secure_account=service.SecureAccountSettings(lock=True),
            database=service.DatabaseSettings(url=folder.sqlite("demo.db")),
            logs=service.LogSettings(level="warning"),
            mail=service.MailSettings(transport="capture", capture_dir=str(folder.path / "mail")),
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


async def _migrated(settings: service.Settings) -> Container:
    from keyturn.service.database.migrations import migrate

    container = Container(settings, reload_templates=True)
    await migrate(container.database)
    return container


_SCHEMA, _ACCOUNTS = "schema.sql", "accounts.sql"
_PAGES = {".html": "text/html", ".css": "text/css"}
_PASSWORD_COLUMN = "demo_password"  # stands in for the passwords that Supabase Auth has


def example_names() -> list[str]:
    return sorted(schema.parent.name for schema in folder("examples").glob(f"*/{_SCHEMA}"))


class Example:
    """The demo of an example, by its file, which variables override. Raises CommandRefused,
    SettingsInvalid.
    """

    def __init__(self, name: str, url: str, home: DemoFolder) -> None:
        self.notes: list[str] = []
        if name not in example_names():
            raise CommandRefused(
                f"there is no example {name}: choose one of {', '.join(example_names())}"
            )
        self._source = folder("examples") / name
        self._home = home
        words = shlex.split((self._source / "env.example").read_text("utf-8"), comments=True)
        file, environ = (
            self._source / "keyturn.toml",
            dict(word.partition("=")[::2] for word in words),
        )
        written = inspect_settings(file, environ).settings
        self._is_at_supabase = written.accounts.store == "supabase"
        self.settings = read_settings(file, environ | self._local_variables(written, url))
        if self._is_at_supabase:
            table = msgspec.structs.replace(self.settings.accounts.table, password=_PASSWORD_COLUMN)
            accounts = service.AccountSettings(store="table", table=table)
            self.settings = msgspec.structs.replace(self.settings, accounts=accounts)
            self.notes.append(
                "A local page and a column of the app's table stand in for Supabase Auth."
            )
        self._app_database = home.path / "app.db"

    async def container(self) -> Container:
        self._make_app_database()
        container = await _migrated(self.settings)
        await self._set_factors(container)
        return container

    def routes(self) -> list["ControllerRouterHandler"]:
        """Return a route for each page of the folder, under its own name, as a server of static
        files has it.
        """
        from litestar import route

        def page(file: Path, kind: str) -> "ControllerRouterHandler":
            path = f"/{file.name}"

            @route(
                path,
                http_method=["GET", "HEAD"],
                media_type=kind,
                include_in_schema=False,
                sync_to_thread=False,
            )
            def read() -> bytes:
                return file.read_bytes()

            return read

        return [
            page(file, kind)
            for file in sorted(self._source.iterdir())
            if (kind := _PAGES.get(file.suffix))
        ]

    async def accounts(self, container: Container) -> Sequence[Account]:
        table = self.settings.accounts.table
        with closing(sqlite3.connect(self._app_database)) as database:
            people = f'SELECT "{table.email}" FROM "{table.table}" ORDER BY rowid'  # noqa: S608 - names of the examples
            stored = database.execute(people).fetchall()
        return [account for (email,) in stored if (account := await container.accounts.find(email))]

    def _local_variables(self, written: service.Settings, url: str) -> dict[str, str]:
        has_own = bool(written.accounts.table.url)
        base = written.base_url.rstrip("/")
        pages = {"RESET_URL": written.reset_url, "FORGOT_URL": written.forgot_url}
        here = {
            "ENVIRONMENT": "development",
            "BASE_URL": url,
            **{name: page.replace(base, url, 1) for name, page in pages.items()},
            "SIGN_IN_URL": written.sign_in_url.replace(
                base, "{base_url}", 1
            ),  # Keyturn's page stands in for the app's
            "SECRET_KEY": self._home.secret(),
            "DATABASE_URL": self._home.sqlite("keyturn.db" if has_own else "app.db"),
            **({"ACCOUNTS_TABLE_URL": self._home.sqlite("app.db")} if has_own else {}),
            # the file's may be a placeholder
            "MAIL_FROM": f"{written.brand.name} <no-reply@{self._source.name}.test>",
            "BRAND_SUPPORT_ADDRESS": f"support@{self._source.name}.test",
            "LOGS_LEVEL": "warning",
            "MAIL_TRANSPORT": "capture",
            "MAIL_CAPTURE_DIR": str(self._home.path / "mail"),
            "RESEND_API_KEY": "",
            "SMTP_HOST": "",
        }
        if written.second_step.source == "builtin":
            twilio = {
                "ACCOUNT": "AC0",
                "PASSWORD": "none",
                "FROM": "+15005550006",
            }  # its codes are captured, too
            here |= {f"SECOND_STEP_SMS_{key}": value for key, value in twilio.items()}
        if self._is_at_supabase:
            here["ACCOUNTS_SUPABASE_URL"] = "http://127.0.0.1"  # which nothing asks
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
                database.execute(f'UPDATE "{table}" SET {_PASSWORD_COLUMN} = ?', [PASSWORD_HASH])  # noqa: S608 - names of the examples
            database.commit()
        new.rename(self._app_database)

    async def _set_factors(self, container: Container) -> None:
        """Set the factors that the example's file names, and note how they are tried."""
        file = self._source / "second_factors.toml"
        stored = container.second_step.builtin if container.second_step else None
        if stored is None or not file.is_file():
            return
        written = tomllib.loads(file.read_text("utf-8"))
        for email, factors in written.items():
            if account := await container.accounts.find(email):
                set_all = partial(stored.set_all, account_id=account.id, factors=factors)
                codes = await container.database.transact(set_all)
                if "phone" in factors:
                    what = (
                        "has a phone: its codes, for a reset and to sign in, are among the "
                        "mails sent."
                    )
                    self.notes += [f"{email} {what}"]
                if "totp" in factors:
                    key = f"{email} has an authenticator app with the key {factors['totp']}."
                    self.notes += [
                        key,
                        f"Without an app, use a recovery code, each once: {codes[0]} or {codes[1]}",
                    ]
