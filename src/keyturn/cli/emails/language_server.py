"""lsp: a language server for editors."""

import click

from keyturn.cli.emails.folders import Source, open_folder, takes_source, usual_baseline
from keyturn.packaging import requires_extra


@click.command("lsp")
@takes_source()
def lsp(source: Source) -> None:
    """Show findings, completions and hints for emails in your editor (needs keyturn[lsp]).

    Your editor starts this command and speaks the Language Server Protocol with it, over its input and output.
    DIRECTORY is the folder of templates. Without it, the settings name the folder, from where the command runs.

    The templates run in a sandbox within the limits of a mail, as in `keyturn check`.

    \b
    Example:  keyturn lsp emails
    """
    with requires_extra("lsp", "The language server"):
        from keyturn.emails.language_server import CheckedFolder, create_language_server
    from keyturn.emails.gallery.configuration import limits_of
    from keyturn.emails.renderers import RendererPool, renderers_for

    opened = open_folder(source)
    settings = opened.settings
    folder = CheckedFolder(
        opened.gallery, settings.clients, settings.severity, limits_of(settings), usual_baseline(opened)
    )
    runner = renderers_for(folder, folder.limits, 2)  # before there are threads to inherit
    try:
        if isinstance(runner, RendererPool):
            runner.start()
        create_language_server(folder, runner).start_io()
    finally:
        runner.close()
