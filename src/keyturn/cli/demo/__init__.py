"""demo: all features on this machine."""

import socket
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import click

from keyturn import __version__
from keyturn.cli.demo.examples import PASSWORD, DemoFolder, Example, PlainDemo, example_names
from keyturn.cli.running import App, serve
from keyturn.cli.sockets import listen_for_browsers
from keyturn.cli.studio.studio import address_for_browsers, chosen_token, studio_of
from keyturn.cli.terminal import PORT, accent, muted, ready, strong
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
    """Try everything in a browser: no configuration, no mail is sent.

    Request a link, read the mail, choose a new password and sign in. The demo keeps its data in
    .keyturn/ in this folder: delete it to start again.

    \b
    Example:  keyturn demo --example waibuk
    """
    require_studio("keyturn demo")
    bound, folder = listen_for_browsers(host, port), DemoFolder(example)
    with folder.lock():
        token = chosen_token(folder.path / "studio-token")
        url = address_for_browsers(token, bound[0])
        shown = Example(example, url, folder) if example else PlainDemo(url, folder)
        run(_run_demo(shown, bound, host, token))
    click.echo(muted(f"Stopped. Your data is in {folder.path}/"))


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
    app = _side_by_side(
        service, create_studio_app(studio, programs="/studio")
    )  # not /api, which is the service's
    people = await shown.accounts(container)
    warnings = ["Anyone with the token in these addresses can read the mails."] * studio.is_shared
    notes = [*warnings, *shown.notes]
    greeting = partial(_greeting, settings, people, studio.token, notes)
    await serve(app, bound, lambda: click.echo("\n".join(greeting())), studio.stop)


def _side_by_side(service: App, studio: App) -> App:
    """Return one app of both, by path: each has limits of its own for headers and bodies."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        is_for_studio = scope["type"] == "http" and (
            path == "/studio" or path.startswith("/studio/")
        )
        await (studio if is_for_studio else service)(scope, receive, send)

    return answer


def _greeting(
    settings: Settings, people: Sequence[Account], token: str, notes: Sequence[str]
) -> Iterator[str]:
    base, paths = settings.base_url, paths_of(settings)
    kinds = {f"{kind.title()} settings": place for kind, place in paths.settings.items()}
    addresses = {
        "Reset a password": settings.forgot_url.format(base_url=base),
        "Sign in": settings.sign_in_page.format(base_url=base),
        **{
            name: base + place
            for name, place in (kinds or {"Security settings": paths.security}).items()
        },
        "Mails sent": f"{base}/studio/inbox?token={token}",
        "Studio": f"{base}/studio?token={token}",
        "API": f"{base}/schema",
    }
    yield f"\n{strong('Keyturn ' + __version__)}  demo{ready():>51}\n"
    yield from (f"  {name:<18} {accent(address)}" for name, address in addresses.items())
    with_password = [account.email for account in people if account.active and not account.provider]
    yield f"\n  {'   '.join(with_password)}   {muted('password:')} {PASSWORD}"
    others = [
        f"{account.email} signs in with {account.provider}"
        for account in people
        if account.provider
    ]
    others += [f"{account.email} is disabled" for account in people if not account.active]
    lines = [", ".join(others)] * bool(others)
    stop = "Press Ctrl-C to stop it. No data leaves this machine."
    yield from (f"  {muted(line)}" for line in [*lines, *notes, stop])
    yield ""
