"""What the studio is told of the service beside it: who sends, and where captured mails lie."""

from typing import TYPE_CHECKING

import click

from keyturn.cli.emails.folders import Opened
from keyturn.cli.terminal import warning
from keyturn.errors import SettingsInvalid

if TYPE_CHECKING:
    from keyturn.settings import Settings


_NOT_TRUSTED = (
    "{file} may come with {folder}, so its settings of the service do not count here; where you trust the folder, "
    "say --trust"
)


def service_settings(opened: Opened) -> "Settings":
    """Return the settings of the service; where they have faults and a folder is somebody else's, the defaults.

    A file that may have come with a folder that is not trusted does not count: it names the host that mails and
    passwords are sent to, and may put any variable of the environment into them.
    """
    from keyturn.cli.installation import installation
    from keyturn.emails.gallery.links import may_come_with
    from keyturn.settings import Settings

    if opened.service:
        return opened.service
    here = installation()
    reading = here.inspect_settings()
    counts = not (opened.gallery.is_foreign and may_come_with(opened.gallery.folder, reading.file))
    try:
        settings = here.settings(sending=False, connecting=False, with_file=counts)
    except SettingsInvalid as invalid:  # a folder of somebody's needs nothing of them, but to send what it shows
        said = "The settings of the service have faults, so none of them counts here, and nothing can be sent:"
        for line in (said, *(f"  {fault.name}: {fault.message}" for fault in invalid.faults)):
            click.echo(warning(line), err=True)
        return Settings()
    if not counts and settings != reading.settings:
        click.echo(warning(_NOT_TRUSTED.format(file=reading.file, folder=opened.shown)), err=True)
    return settings
