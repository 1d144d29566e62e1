"""demo: all features on this machine."""

import socket
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import click

from keyturn.cli.demo.examples import PASSWORD, DemoFolder, Example, PlainDemo, example_names
from keyturn.cli.running import App, serve
from keyturn.cli.sockets import listen_for_browsers
from keyturn.cli.studio.studio import address_for_browsers, chosen_token, studio_of
from keyturn.cli.terminal import PORT, accent, muted, title
from keyturn.extras import require_studio
from keyturn.service.accounts.port import Account
from keyturn.service.event_loop import run
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import paths_of


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=PORT,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--example",
    default="",
    metavar="NAME",
    help=f"Run an example app: {', '.join(example_names())}.",
)
def demo(host: str, port: int, example: str) -> None:
    """Try everything in a browser: no configuration, no email is sent.

    Request a link, read the email, choose a new password and sign in. The demo keeps its data in
    .keyturn/ in this folder: delete it to start again.

    \b
    Example:  keyturn demo --example waibuk
    """
    require_studio("keyturn demo")
    bound = listen_for_browsers(host, port)
    home = DemoFolder(example)
    with home.lock():
        token = chosen_token(home.path / "studio-token")
        url = address_for_browsers(token, bound[0])
        shown = Example(example, url, home) if example else PlainDemo(url, home)
        run(_run_demo(shown, bound, host, token))
    click.echo(muted(f"Stopped. Your data is in {home.path}/"))


async def _run_demo(
    shown: Example | PlainDemo, bound: Sequence[socket.socket], host: str, token: str
) -> None:
    from keyturn.service.app import create_app
    from keyturn.service.telemetry.logs import configure_logs
    from keyturn.studio.web.app import create_studio_app

    settings = shown.settings
    configure_logs(settings.logs.level)
    container = await shown.container()
    studio = studio_of(settings, host, token)
    service = create_app(settings, container=container, more=shown.routes())
    # The studio's API for programs is below /studio, since /api is the service's.
    app = _side_by_side(service, create_studio_app(studio, programs="/studio"))
    accounts = await shown.accounts(container)
    notes = list(shown.notes)
    if studio.is_shared:
        notes.insert(0, "Anyone with the token in these addresses can read the emails.")
    greet = partial(_greet, settings, accounts, studio.token, notes)
    await serve(app, bound, greet, studio.stop)


def _side_by_side(service: App, studio: App) -> App:
    """Return one app that passes a request to one of both, by its path.

    The two are apart, since each has its own limits for headers and bodies.
    """

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        is_of_studio = path == "/studio" or path.startswith("/studio/")
        if scope["type"] == "http" and is_of_studio:
            await studio(scope, receive, send)
        else:
            await service(scope, receive, send)

    return answer


def _greet(
    settings: Settings, accounts: Sequence[Account], token: str, notes: Sequence[str]
) -> None:
    click.echo(f"\n{title('demo')}\n")
    for name, address in _addresses(settings, token).items():
        click.echo(f"  {name:<18} {accent(address)}")
    with_password = [account.email for account in accounts if _has_password(account)]
    click.echo(f"\n  {'   '.join(with_password)}   {muted('password:')} {PASSWORD}")
    lines = [*notes, "Press Ctrl-C to stop it. No data leaves this machine."]
    others = _other_accounts(accounts)
    if others:
        lines.insert(0, ", ".join(others))
    for line in lines:
        click.echo(f"  {muted(line)}")
    click.echo()


def _addresses(settings: Settings, token: str) -> Mapping[str, str]:
    """Return the addresses of the demo's pages by their names."""
    base = settings.base_url
    paths = paths_of(settings)
    addresses = {
        "Reset a password": settings.forgot_url.format(base_url=base),
        "Sign in": settings.sign_in_page.format(base_url=base),
    }
    if paths.security_settings_by_kind:
        for kind, location in paths.security_settings_by_kind.items():
            is_hosted = location.startswith("/")  # else it is the URL of a page of the app
            addresses[f"{kind.title()} settings"] = base + location if is_hosted else location
    else:
        addresses["Security settings"] = base + paths.security_settings
    addresses["Emails sent"] = f"{base}/studio/inbox?token={token}"
    addresses["Studio"] = f"{base}/studio?token={token}"
    addresses["API"] = f"{base}/schema"
    return addresses


def _has_password(account: Account) -> bool:
    return account.active and not account.provider


def _other_accounts(accounts: Sequence[Account]) -> list[str]:
    """Return why the accounts without a password do not sign in with one."""
    by_provider = [
        f"{account.email} signs in with {account.provider}"
        for account in accounts
        if account.provider
    ]
    disabled = [f"{account.email} is disabled" for account in accounts if not account.active]
    return by_provider + disabled
