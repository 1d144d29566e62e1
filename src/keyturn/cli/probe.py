"""probe: plays the known attacks against a password reset of any application."""

import asyncio
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from keyturn.cli.sockets import listen
from keyturn.cli.terminal import CommandRefused, accent, error, harmless, muted
from keyturn.errors import ExtraMissing
from keyturn.extras import require_studio
from keyturn.probe.attack import ATTACKS, CannotProbe
from keyturn.values import did_you_mean

if TYPE_CHECKING:
    from keyturn.probe.attack import ProbeReport
    from keyturn.probe.run import Run
    from keyturn.probe.target import Target
    from keyturn.studio.inbox.store import CapturedMails

_HELP = """Play the known attacks against the password reset of your own application.

Start your application, and let it send its emails by SMTP to this machine: the probe receives
them, and delivers none. Name two accounts that only tests use. The probe sets new passwords for
both, and prints them at the end. It asks for about 32 emails for the first account, the last 20 in
a row to find a limit, and for about 15 for the second. So raise the application's limit to about 20
emails first. A limit fails no attack.

The probe starts at URL and searches for the forms: sign in, forgotten password, and the page of the
email's link. For an API, or if it finds none, name the calls. A body that begins with { is JSON,
any other body is a form. Placeholders are {email}, {password}, {old}, {token} (or the code in an
email without a link), and parameters of the link by their names. The path of a page stands for the
form on that page.

\b
Examples:  keyturn probe http://127.0.0.1:3000 --smtp 1025
             --account ann@app.example --account bob@app.example
           keyturn probe http://127.0.0.1:8000 --smtp 1025 --file probe.toml
             --request 'POST /forgot {"email": "{email}"}'
             --reset 'POST /reset {"token": "{token}", "new": "{password}"}'
             --sign-in 'POST /login email={email}&password={password}'
             --private 'GET /api/me'
           keyturn probe --list

The exit code is 1 if an attack succeeded, 2 if the probe could not begin or failed itself, 130
after Ctrl-C, else 0. If an attack was not tried, or its outcome is not certain, the report says
why.

Probe only what is yours. URL is an address of this machine. Another host has to publish a value,
which the probe prints, as text/plain at /.well-known/keyturn-probe, and gets two requests a second.
Use only a --file of your own: it can name any port of this machine.
"""

_FILE = click.Path(path_type=Path, dir_okay=False)
_STOPPED = 130  # the exit code of a command that Ctrl-C ended (128 and the signal's number)


def _known_attacks(
    _: click.Context, __: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    for name in names:
        if name not in ATTACKS:
            raise click.BadParameter(
                f"there is no attack {harmless(name)}{did_you_mean(name, ATTACKS)}"
            )
    return names


@click.command(help=_HELP)
@click.argument("url", required=False)
@click.option(
    "--smtp",
    type=click.IntRange(1, 65535),
    help="Port on which the probe receives the application's emails.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ADDRESS",
    help="An account for tests. Give two.",
)
@click.option(
    "--request", metavar="CALL", help="The call that asks for a link, or the path of its form."
)
@click.option(
    "--reset", metavar="CALL", help="The call that sets a new password with the link's token."
)
@click.option("--sign-in", metavar="CALL", help="The call that signs in, or the path of its form.")
@click.option(
    "--change", metavar="CALL", help="The call with which a signed-in user changes a password."
)
@click.option("--private", metavar="CALL", help="A GET that only a signed-in user may call.")
@click.option(
    "--second-step", is_flag=True, default=None, help="The first account has a second factor."
)
@click.option(
    "--file", type=_FILE, help="A TOML file with the URL and the options, to which the probe adds."
)
@click.option(
    "--only",
    multiple=True,
    metavar="ATTACK",
    callback=_known_attacks,
    help="Play only this attack.",
)
@click.option("--json", "form", flag_value="json", help="Print the report as JSON.")
@click.option(
    "--sarif", "form", flag_value="sarif", help="Print the report as SARIF, for code scanning."
)
@click.option("--html", type=_FILE, help="Also write the report as a page.")
@click.option("--list", "form", flag_value="list", help="List all attacks, and play none.")
def probe(
    file: Path | None, only: tuple[str, ...], form: str | None, html: Path | None, **options: Any
) -> None:
    if form == "list":
        _list_attacks()
        return
    try:
        require_studio("keyturn probe")
        from keyturn.probe.mails import MOST_BYTES, MOST_MAILS
        from keyturn.probe.report import as_html, as_json, as_sarif, as_text
        from keyturn.probe.run import Run
        from keyturn.probe.target import add_to_file
        from keyturn.studio.inbox.store import CapturedMails

        inbox = CapturedMails(most=MOST_MAILS, size=MOST_BYTES)
        run = Run(_read_target(options, file, html), inbox)
        report = _play(run, inbox, only)
        if form == "json":
            click.echo(as_json(report))
        elif form == "sarif":
            click.echo(as_sarif(report))
        else:
            click.echo(as_text(report))
        if html:
            html.write_text(as_html(report), "utf-8")
        if file:
            add_to_file(file, run.target)
    except (CannotProbe, CommandRefused, ExtraMissing, OSError) as problem:
        click.echo(f"{error('keyturn: ')}{harmless(str(problem))}", err=True)
        sys.exit(2)
    # Python would exit with 1, which would say that an attack succeeded.
    except Exception:  # noqa: BLE001
        click.echo(harmless(traceback.format_exc()), err=True)
        sys.exit(2)
    if report.failed:
        sys.exit(1)
    if report.stopped:
        sys.exit(_STOPPED)


def _list_attacks() -> None:
    for attack in ATTACKS.values():
        click.echo(f"{accent(f'{attack.name:<20}')} {attack.title}")
        click.echo(f"{'':<20} {muted(', '.join(attack.authority))}")


def _read_target(options: dict[str, Any], file: Path | None, html: Path | None) -> "Target":
    """Return what options and file say, with a value for another host to publish. Raises
    KeyturnError.
    """
    from keyturn.probe.browser import needs_permission, new_permission
    from keyturn.probe.target import add_to_file, with_file

    for path in (html, file):  # before a run of minutes
        if path and not path.parent.is_dir():
            raise CommandRefused(f"{path}: there is no such folder.")
    target = with_file(options, file)
    if file and needs_permission(target.url) and not target.permission:
        target = replace(target, permission=new_permission())
        add_to_file(file, target)
    return target


def _play(run: "Run", inbox: "CapturedMails", only: tuple[str, ...]) -> "ProbeReport":
    """Play the attacks, then print the accounts' passwords.

    Raises CannotProbe and CommandRefused.
    """
    from keyturn.probe.probe import play
    from keyturn.studio.inbox.smtp_server import SmtpServer

    if run.target.smtp is None:
        raise CommandRefused(
            "Name a port by --smtp, and let the application send its emails there."
        )
    bound = listen("127.0.0.1", run.target.smtp, "--smtp")
    with SmtpServer(bound, inbox).running():
        try:
            return asyncio.run(play(run, only, _show_progress))
        finally:
            _show_progress("")
            _print_passwords(run)


def _print_passwords(run: "Run") -> None:
    for address, possible in run.passwords.items():
        if possible:
            has = "has" if run.proven.intersection(possible) else "may have"
            click.echo(f"{address} {has} the password {' or '.join(possible)}", err=True)


def _show_progress(name: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{muted(name)}", err=True, nl=False)
