"""demo: the whole story on this machine, with nothing to configure and nothing sent."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from keyturn import __version__
from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account
from keyturn.cli.running import address_of, listen, run, serve
from keyturn.cli.studio import studio_of
from keyturn.cli.terminal import PORT, accent, muted, ready, strong, warning
from keyturn.errors import KeyturnError
from keyturn.parts import Parts
from keyturn.settings import Brand, DatabaseSettings, Kind, MailSettings, Secret, Settings
from keyturn.studio.studio import Studio

FOLDER = Path(".keyturn")
PASSWORD = "correct horse battery"  # noqa: S105 - printed for everybody to use
PASSWORD_HASH = "$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"  # noqa: S105 - of the password above: a start should not cost a hash

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
OTHER_BRANDS = {
    "Harbour Library": {"name": "Harbour Library", "accent": "#5b3a8c", "accent_dark": "#c3a6f0"},
    "Orchard Clinic": {"name": "Orchard Clinic", "accent": "#a3461f", "accent_dark": "#f2a27e"},
}
"""For the studio: how the mails look for somebody else."""


class DemoRuns(KeyturnError):
    pass


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=PORT, help="Port to listen on; 0 takes a free one.")
def demo(host: str, port: int) -> None:
    """Live the whole story in a browser: ask for a link, read the mail, choose a new password, sign in.

    Everything is kept in .keyturn/ in this folder; delete it to start anew. Mails are captured, never sent.
    """
    bound = listen(host, port)
    url = f"http://{address_of(bound)}"
    settings = demo_settings(url)

    async def main() -> None:
        from keyturn.app import create_app  # noqa: PLC0415
        from keyturn.logs import configure_logs  # noqa: PLC0415
        from keyturn.migrating import migrate  # noqa: PLC0415
        from keyturn.studio import studio_router  # noqa: PLC0415

        configure_logs("warning")
        parts = Parts(settings, reload_templates=True)
        await migrate(parts.database)
        await _add_accounts(BuiltinAccounts(parts.database))
        studio = studio_of(settings, host, OTHER_BRANDS)
        app = create_app(settings, parts=parts, more=[studio_router(studio)])
        await serve(app, bound, lambda: click.echo(_greeting(url, studio)), studio.stopping.set)

    with _only_one_here():
        run(main())
    click.echo(muted("Ended. What you did is kept in .keyturn/"))


def demo_settings(url: str) -> Settings:
    """Return the settings of the demo, its own secret key among them, so that a restart can open what it sealed."""
    return Settings(
        environment="development",
        base_url=url,
        secret_key=_secret(),
        brand=BRAND,
        kinds=KINDS,
        database=DatabaseSettings(url=Secret(f"sqlite:///{FOLDER / 'demo.db'}")),
        mail=MailSettings(transport="capture", capture_dir=str(FOLDER / "mail")),
    )


@contextmanager
def _only_one_here() -> Iterator[None]:
    """Keep a second demo out of the folder: one could mail the links of the other. Raises DemoRuns."""
    with (_own_folder() / "lock").open("w") as lock:
        if sys.platform != "win32":
            import fcntl  # noqa: PLC0415 - not to be had on Windows

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DemoRuns("a demo runs in this folder already; end it, or start this one elsewhere") from None
        yield


def _secret() -> Secret:
    file = _own_folder() / "secret"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return Secret(file.read_text())


def _own_folder() -> Path:
    """Return the folder, which is its owner's alone: captured mails hold links that work."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    return FOLDER


async def _add_accounts(accounts: BuiltinAccounts) -> None:
    if not await accounts.list():
        for account in ACCOUNTS:
            await accounts.add(account, None if account.provider else PASSWORD_HASH)


def _greeting(url: str, studio: Studio) -> str:
    token = f"?token={studio.token}" if studio.token else ""
    pages = {
        "Reset a password": "/forgot-password",
        "Sign in": "/login",
        "Mails sent": f"/studio/outbox{token}",
        "Studio": f"/studio{token}",
        "API": "/schema",
    }
    first, second = (account.email for account in ACCOUNTS[:2])
    return "\n".join(
        [
            "",
            f"{strong('Keyturn ' + __version__)}  demo{ready():>51}",
            "",
            *(f"  {name:<18} {accent(url + path)}" for name, path in pages.items()),
            "",
            f"  {first}   {second}   {muted('password:')} {PASSWORD}",
            f"  {muted('google@example.test signs in with Google, disabled@example.test is switched off')}",
            f"  {muted('Ctrl-C ends it. Nothing leaves this machine.')}",
            *([f"  {warning('Who has the addresses with a token reads these mails, too.')}"] if token else []),
            "",
        ]
    )
