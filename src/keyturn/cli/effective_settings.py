"""settings show: lists the settings in effect, their origins, and no secret."""

import click
import msgspec

from keyturn.cli.installation import installation
from keyturn.cli.terminal import muted, print_json, table
from keyturn.settings.effective import EffectiveSetting

_WIDEST = 60
"""Characters of a value in the table. `--json` prints it whole."""


@click.group()
def settings() -> None:
    """Show the settings in effect."""


@settings.command()
@click.option("--changed", is_flag=True, help="Leave out settings that have their default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(changed: bool, as_json: bool) -> None:
    """List each setting with its value and its origin.

    The origin is the default, a line of keyturn.toml, an environment variable, a secret's file or a credential of
    systemd. Of a secret, the list says only whether it is set. If the settings have errors, the command prints them
    and exits with 1.

    \b
    Example:  keyturn settings show --changed
    """
    here = installation()
    listed = [setting for setting in here.effective_settings() if not changed or not setting.is_default]
    if as_json:
        print_json([msgspec.to_builtins(setting) for setting in listed])
    else:
        rows = [(setting.name, _cell(setting), _origin_cell(setting)) for setting in listed]
        table(("SETTING", "VALUE", "ORIGIN"), rows, "All settings have their defaults.")
    if missing := here.missing_settings():
        click.echo(f"keyturn: {missing}", err=True)


def _cell(setting: EffectiveSetting) -> str:
    if setting.secret:
        return str(setting.value)
    text = _printable(msgspec.json.encode(setting.value).decode())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _origin_cell(setting: EffectiveSetting) -> str:
    origin = _printable(setting.origin)
    return muted(origin) if setting.is_default else origin


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
