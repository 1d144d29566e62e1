"""What the studio is told of the service beside it: who sends, and where captured mails lie."""

from typing import TYPE_CHECKING

import click

from keyturn.cli.emails.folders import Opened
from keyturn.cli.terminal import warning
from keyturn.errors import SettingsInvalid

if TYPE_CHECKING:
    from keyturn.settings import Settings


def service_settings(opened: Opened) -> "Settings":
    """Return the settings of the service; where they have faults and a folder is somebody else's, the defaults."""
    from keyturn.cli.installation import installation  # noqa: PLC0415
    from keyturn.settings import Settings  # noqa: PLC0415

    if opened.service:
        return opened.service
    try:
        return installation().settings(sending=False, connecting=False)
    except SettingsInvalid as invalid:  # a folder of somebody's needs nothing of them, but to send what it shows
        said = "The settings of the service have faults, so none of them counts here, and nothing can be sent:"
        for line in (said, *(f"  {fault.name}: {fault.message}" for fault in invalid.faults)):
            click.echo(warning(line), err=True)
        return Settings()
