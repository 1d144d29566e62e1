"""What several commands take."""

from datetime import timedelta

import click


class Duration(click.ParamType[timedelta]):
    """Reads an option's duration as the settings write it: 90s, 30m, 1h, 7d."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> timedelta:
        from keyturn.settings.building import parse_duration  # noqa: PLC0415

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, context)


EMAIL = click.option("--email", default="", help="Only this address.")
SINCE = click.option("--since", type=Duration(), help="Only the last while, for example 1h or 7d.")
LAST = click.option(
    "--last", default=50, show_default=True, type=click.IntRange(1), help="At most so many, newest first."
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, for machines.")
