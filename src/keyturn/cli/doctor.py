"""doctor: reports faults in this installation and suggests fixes."""

import sys
from collections.abc import Sequence

import click

from keyturn.cli.terminal import print_json, wrap
from keyturn.service.doctor import Dns, Finding, examine
from keyturn.service.event_loop import run
from keyturn.service.settings.reading import changed_settings, inspect_settings

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def doctor(as_json: bool) -> None:
    """Check the installation, and suggest fixes.

    Checks the settings, the database, the pages, the mail provider and the DNS records of the sending
    domain. Shows the settings that differ from their defaults, without secrets. Changes nothing and sends no mail.
    Exits with 1 if a check fails, else with 0.

    \b
    Example:  keyturn doctor --json
    """
    findings: list[Finding] = []
    reading = inspect_settings()

    async def work() -> None:
        findings.extend(await examine(reading, Dns()))

    run(work())
    if changed := ", ".join(f"{name} = {value}" for name, value in changed_settings(reading.settings)):
        findings.append(Finding("changed", "ok", changed))
    if as_json:
        print_json(findings)
    else:
        _print(findings)
    sys.exit(any(finding.verdict == "fail" for finding in findings))


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        verdict = click.style(f"{finding.verdict:<4}", fg=_COLOURS[finding.verdict])
        indent = " " * (width + 8)
        click.echo(f"{finding.check:<{width}}  {verdict}  {wrap(finding.message, indent)}")
        if finding.fix:
            click.echo(indent + wrap(finding.fix, indent))
    failed, warned = (sum(finding.verdict == verdict for finding in findings) for verdict in ("fail", "warn"))
    click.echo(f"\n{failed} to fix, {warned} to look at." if failed or warned else "\nAll checks passed.")
