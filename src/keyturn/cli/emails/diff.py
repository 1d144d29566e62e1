"""diff: shows which emails a branch changes, in pictures."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.emails.folders import NO_BROWSER_SANDBOX, Opened, Source, open_folder, takes_source
from keyturn.cli.terminal import fail, muted, warning
from keyturn.errors import ExtraMissing

if TYPE_CHECKING:
    from keyturn.emails.snapshots.comparison import Comparison


@click.command()
@click.option(
    "--base", metavar="COMMIT", default="HEAD", show_default=True, help="The branch or commit to compare with."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write pictures and index.html into this folder (pictures need keyturn[browser]).",
)
@NO_BROWSER_SANDBOX
@takes_source()
def diff(source: Source, base: str, output: Path | None, no_browser_sandbox: bool) -> None:
    """List the emails that differ from a commit, and show how.

    Every template is compared with every sample, in the first language. --output writes a picture of each changed mail
    before and after, an overlay that shows where they differ, and index.html, which shows all of them.

    \b
    Examples:  keyturn diff emails
               keyturn diff emails --base origin/main --output mail-changes
    """
    opened = open_folder(source)
    if output and any(output.resolve().is_relative_to(folder) for folder in opened.gallery.watched_folders):
        fail(f"{output} lies in the folder of the templates: name another")
    with ExitStack() as stack:
        changes = _changes(opened, base, stack)
        for one in changes:
            counts = muted(f"HTML +{one.html.added} -{one.html.removed}, text +{one.text.added} -{one.text.removed}")
            said = counts if one.state == "changed" else one.fault or ""
            click.echo(
                f"{one.state:<8} {one.name}  {said}{'' if one.is_comparable else f' (broken at {base}, too)'}".rstrip()
            )
        changed = sum(one.is_comparable for one in changes)
        click.echo(f"{changed} mail{'' if changed == 1 else 's'} changed since {base}.")
        if broken := len(changes) - changed:
            click.echo(f"{broken} mail{'' if broken == 1 else 's'} cannot be compared: broken at {base} and now.")
        if output:
            _write(output, base, changes, stack, sandboxed=not no_browser_sandbox)


def _changes(opened: Opened, base: str, stack: ExitStack) -> "list[Comparison]":
    """Return the mails that changed or cannot be compared, drawn within their limits. Raises GitFailed, NotListed."""
    from keyturn.emails.gallery.configuration import limits_of
    from keyturn.emails.renderers import renderers_for
    from keyturn.emails.snapshots.revisions import Revisions
    from keyturn.emails.studio.rendering.rendition import BoundedSides, Drawer

    drawer = Drawer(opened.gallery, opened.reopen)
    runner = stack.enter_context(closing(renderers_for(drawer, limits_of(opened.settings), 1)))
    return Revisions(opened.gallery, BoundedSides(runner)).changes(base)


def _write(output: Path, base: str, changes: "list[Comparison]", stack: ExitStack, *, sandboxed: bool) -> None:
    from keyturn.emails.lint.browser.chromium import NoBrowser, running_chromium
    from keyturn.emails.pictures import write_changes

    try:
        browser = running_chromium(sandboxed=sandboxed, needed_by="a picture")
        chromium = stack.enter_context(browser) if changes else None
    except (ExtraMissing, NoBrowser) as missing:
        click.echo(warning(f"There are no pictures, only the texts: {missing}"), err=True)
        chromium = None
    try:
        write_changes(output, base, changes, chromium)
    except OSError as error:
        fail(f"{output}: cannot be written: {error.strerror}")
    click.echo(f"{output / 'index.html'} shows them.")
