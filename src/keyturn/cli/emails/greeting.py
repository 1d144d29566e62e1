"""What `keyturn studio` says when it is there."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.cli.emails.folders import Opened
from keyturn.cli.terminal import accent, muted, ready, strong, warning

if TYPE_CHECKING:
    from keyturn.emails.studio.studio import Studio


def greeting(opened: Opened, studio: "Studio", base: str, mails: Path | None = None) -> str:
    """Return where the studio is and what it shows: a folder, or the `mails` of a file or a folder."""
    from keyturn import __version__

    names = opened.gallery.names()
    templates = f"{len(names)} template{'' if len(names) == 1 else 's'}" if names else warning("no template yet")
    folder = "the emails that Keyturn sends" if opened.service else opened.shown
    url, token = f"{base}/studio", f"?token={studio.token}" if studio.token else ""
    rows = {
        "Studio": accent(f"{url}{token}"),
        "Templates": f"{folder}   {muted(templates) if names else templates}",
    }
    if mails and studio.captured:
        count = f"{studio.captured.kept} mail{'' if studio.captured.kept == 1 else 's'}"
        rows["Mails"] = f"{mails}   {muted(count)}"
        rows["Outbox"] = accent(f"{url}/outbox{token}")
        del rows["Templates"]
    if studio.smtp:
        rows["SMTP"] = f"{accent(studio.smtp)}   {muted('mails are caught here, whoever they are for')}"
        rows["Outbox"] = accent(f"{url}/outbox{token}")
        rows["API"] = f"{accent(f'{base}/api/messages')}   {muted('for tests')}"
    if opened.settings.file:
        rows["Settings"] = os.path.relpath(opened.settings.file)
    ends = "Ctrl-C ends it." + ("" if studio.provider or studio.token else " Nothing is sent.")
    return "\n".join(
        [
            "",
            f"{strong('Keyturn ' + __version__)}  studio{ready():>49}",
            "",
            *(f"  {name:<12} {value}" for name, value in rows.items()),
            "",
            *([f"  {warning('Who has the address with the token reads these mails, too.')}"] if studio.token else []),
            f"  {muted(ends)}",
            "",
        ]
    )
