"""demo: all features on this machine.

An example's demo reads the example's own file. Variables override it where this machine differs, so the demo shows the
file that users adopt.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from keyturn import __version__
from keyturn.cli.demo.examples import PASSWORD, DemoFolder, Example, PlainDemo, example_names
from keyturn.cli.running import serve
from keyturn.cli.sockets import address_of, listen
from keyturn.cli.studio.studio import studio_of
from keyturn.cli.terminal import PORT, accent, muted, ready, strong
from keyturn.errors import ExtraMissing
from keyturn.packaging import require_studio
from keyturn.service.accounts.port import Account
from keyturn.service.event_loop import run
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import paths_of

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler


_ANYONE = "Anyone with the token in these addresses can read the mails."


class DemoStudio(msgspec.Struct, frozen=True, kw_only=True):
    """The studio beside the service; without its extra, the folder of the mails, and a note on how to get it.

    `addresses`: those that the greeting prints, by what is there.
    """

    addresses: Mapping[str, str]
    notes: Sequence[str]
    routes: "Sequence[ControllerRouterHandler]" = ()
    stop: Callable[[], None] = lambda: None


def demo_studio(shown: Example | PlainDemo, host: str) -> DemoStudio:
    """Return the studio over the demo's mails; without it, mails are files to open in a mail program."""
    try:
        require_studio("the studio")
    except ExtraMissing as missing:
        folder, why = Path(shown.settings.mail.capture_dir).resolve(), f"{str(missing)[0].upper()}{str(missing)[1:]}"
        return DemoStudio(addresses={"Mails sent": str(folder)}, notes=(why,))
    from keyturn.studio.web import studio_routers

    studio = studio_of(shown.settings, host, shown.brands)
    base, token = shown.settings.base_url, f"?token={studio.token}"
    return DemoStudio(
        addresses={"Mails sent": f"{base}/studio/inbox{token}", "Studio": f"{base}/studio{token}"},
        notes=(_ANYONE,) if studio.is_shared else (),
        routes=studio_routers(studio, programs="/studio"),  # not /api, which is the service's
        stop=studio.stop,
    )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=PORT, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--example", default="", metavar="NAME", help=f"Run an example app with users: {', '.join(example_names())}."
)
def demo(host: str, port: int, example: str) -> None:
    """Try everything in a browser: no configuration, no mail is sent.

    Request a link, read the mail, choose a new password and sign in. The demo keeps its data in
    .keyturn/ in this folder: delete it to start again.

    \b
    Example:  keyturn demo --example waibuk
    """
    bound = listen(host, port)
    address = f"localhost:{bound.getsockname()[1]}" if host == "localhost" else address_of(bound)
    url, folder = f"http://{address}", DemoFolder(example)
    shown = Example(example, url, folder) if example else PlainDemo(url, folder)
    with folder.lock():
        run(_run_demo(shown, bound, host))
    click.echo(muted(f"Stopped. Your data is in {folder.path}/"))


async def _run_demo(shown: Example | PlainDemo, bound: socket.socket, host: str) -> None:
    from keyturn.service.app import create_app
    from keyturn.service.telemetry.logs import configure_logs

    configure_logs(shown.settings.logs.level)
    async with shown.parts() as parts:
        studio = demo_studio(shown, host)
        people = await shown.accounts(parts)
        app = create_app(shown.settings, parts=parts, more=[*studio.routes, *shown.routes()])
        await serve(app, bound, lambda: click.echo("\n".join(_greeting(shown, people, studio))), studio.stop)


def _greeting(shown: Example | PlainDemo, people: Sequence[Account], studio: DemoStudio) -> Iterator[str]:
    settings = shown.settings
    addresses = {**_pages(settings), **studio.addresses, "API": f"{settings.base_url}/schema"}
    yield ""
    yield f"{strong('Keyturn ' + __version__)}  demo{ready():>51}"
    yield ""
    yield from (f"  {name:<18} {accent(address)}" for name, address in addresses.items())
    yield ""
    with_password = [account.email for account in people if account.active and not account.provider]
    yield f"  {'   '.join(with_password)}   {muted('password:')} {PASSWORD}"
    if others := [*_describe_others(people)]:
        yield f"  {muted(', '.join(others))}"
    yield from (f"  {muted(note)}" for note in (*studio.notes, *shown.notes))
    yield f"  {muted('Press Ctrl-C to stop it. No data leaves this machine.')}"
    yield ""


def _pages(settings: Settings) -> dict[str, str]:
    base, paths = settings.base_url, paths_of(settings)
    kinds = {f"{kind.title()} settings": place for kind, place in paths.settings.items()}
    return {
        "Reset a password": settings.forgot_url.format(base_url=base),
        "Sign in": settings.sign_in_page.format(base_url=base),
        **{name: base + place for name, place in (kinds or {"Security settings": paths.security}).items()},
    }


def _describe_others(people: Sequence[Account]) -> Iterator[str]:
    yield from (f"{account.email} signs in with {account.provider}" for account in people if account.provider)
    yield from (f"{account.email} is disabled" for account in people if not account.active)
