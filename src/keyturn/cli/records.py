"""audit and purge: what happened, and when it is forgotten."""

from datetime import timedelta

import click
import msgspec

from keyturn.cli.terminal import muted, table
from keyturn.cli.with_parts import with_parts
from keyturn.parts import Parts


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> timedelta:
        from keyturn.settings.reading import parse_duration  # noqa: PLC0415

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, context)


@click.command()
@click.option("--email", default="", help="Only this address.")
@click.option("--since", type=_Duration(), help="Only the last while, for example 1h or 7d.")
@click.option("--last", default=50, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def audit(email: str, since: timedelta | None, last: int, as_json: bool) -> None:
    """Show who asked for what, when, from where, and what became of it."""
    from keyturn import addresses  # noqa: PLC0415
    from keyturn.database import now  # noqa: PLC0415

    wanted = addresses.parse(email) if email else ""

    async def work(parts: Parts) -> None:
        entries = await parts.audit.read(email=wanted, since=now() - since if since else None, most=last)
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(entries), indent=2))
            return
        table(
            ("WHEN (UTC)", "EVENT", "OUTCOME", "EMAIL", "ADDRESS"),
            [
                (f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.event, entry.outcome, entry.email, entry.ip_address)
                for entry in entries
            ],
            "Nothing yet.",
        )

    with_parts(work)


@click.command()
def purge() -> None:
    """Delete or redact now what is older than its retention; every worker does it, too, now and then."""
    from keyturn.database import now  # noqa: PLC0415

    async def work(parts: Parts) -> None:
        for name, count in (await parts.housekeeping.purge(now())).items():
            click.echo(f"{name:<10} {count:>8} {muted('redacted' if name == 'addresses' else 'deleted')}")

    with_parts(work)
