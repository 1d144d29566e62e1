"""doctor and health: check an installation, and ask a running process whether it is ready."""

import http.client
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING

import click

from keyturn.cli.address_options import optional_address
from keyturn.cli.sockets import address_in_url
from keyturn.cli.terminal import PORT, fail, print_json, wrap
from keyturn.service.settings.reading import changed_settings, inspect_settings

if TYPE_CHECKING:
    from keyturn.service.doctor import CheckResult

_PATIENCE = 5  # seconds for the answer
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option(
    "--send-to",
    "recipient",
    metavar="ADDRESS",
    default="",
    callback=optional_address,
    help="Only send a test email there, through each mail provider.",
)
def doctor(as_json: bool, recipient: str) -> None:
    """Check the installation, and suggest fixes.

    Checks the settings, the database, the pages, the mail provider and the DNS records of the
    sending domain. Shows the settings that differ from their defaults, without secrets. Changes
    nothing and sends no email. With --send-to, it makes no other check, and sends one email through
    mail.transport, and one through mail.fallback if that is set. Exits with 1 if a check fails,
    else with 0.

    \b
    Examples:  keyturn doctor --json
               keyturn doctor --send-to you@example.org
    """
    from keyturn.service.doctor import CheckResult, Dns, examine, send_to
    from keyturn.service.event_loop import run

    findings: list[CheckResult] = []
    reading = inspect_settings()

    async def work() -> None:
        if recipient and not reading.faults:
            findings.extend(await send_to(reading.settings, recipient))
        else:
            findings.extend(await examine(reading, Dns()))

    run(work())
    changed = [f"{name} = {value}" for name, value in changed_settings(reading.settings)]
    if changed and not recipient:
        findings.append(CheckResult("changed", "ok", ", ".join(changed)))
    if as_json:
        print_json(findings)
    else:
        _print(findings)
    verdicts = [finding.verdict for finding in findings]
    sys.exit(1 if "fail" in verdicts else 0)


def _print(findings: "Sequence[CheckResult]") -> None:
    width = max(len(finding.check) for finding in findings)
    indent = " " * (width + len("  fail  "))
    for finding in findings:
        verdict = click.style(f"{finding.verdict:<4}", fg=_COLOURS[finding.verdict])
        click.echo(f"{finding.check:<{width}}  {verdict}  {wrap(finding.message, indent)}")
        if finding.fix:
            click.echo(indent + wrap(finding.fix, indent))
    counts = Counter(finding.verdict for finding in findings)
    if counts["fail"] or counts["warn"]:
        click.echo(f"\n{counts['fail']} to fix, {counts['warn']} to look at.")
    else:
        click.echo("\nAll checks passed.")


@click.command()
@click.option(
    "--host",
    show_default="server.host; 127.0.0.1 with --port",
    help="Address that the process listens on.",
)
@click.option(
    "--port", show_default="server.port, 8000", type=PORT, help="Port that the process listens on."
)
def health(host: str | None, port: int | None) -> None:
    """Ask a running API or worker whether it is ready.

    Asks /health/ready of `keyturn serve`, or of `keyturn worker --port`. Exits with 0 if it is
    ready, else with 1.

    \b
    Examples:  keyturn health
               keyturn health --port 9464
    """
    # Faults of other settings do not matter here.
    settings = inspect_settings(sending=False, connecting=False).settings
    if port is None:
        address = address_in_url(host or settings.server.host, settings.server.port)
    else:
        address = address_in_url(host or "127.0.0.1", port)
    try:
        with closing(http.client.HTTPConnection(address, timeout=_PATIENCE)) as connection:
            connection.request("GET", "/health/ready")
            status = connection.getresponse().status
    # UnicodeError: the host name is not valid (RFC 5890), such as "a..b".
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        fail(f"cannot ask http://{address}: {reason}")
    except http.client.HTTPException:
        fail(f"cannot ask http://{address}: it does not speak HTTP")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        fail(
            f"Keyturn on http://{address} is not ready: its database, its accounts or its worker "
            "does not answer"
        )
    if status != HTTPStatus.OK:
        fail(f"http://{address}/health/ready answers with {status}, but is not Keyturn")
    click.echo(f"Keyturn on http://{address} is ready.")
