"""lsp: a language server for editors."""

from contextlib import closing

import click

from keyturn.cli.emails.folders import Source, open_folder, takes_source
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
        from keyturn.emails.language_server import create_language_server
    from keyturn.emails.renderers import renderers_for

    mails = open_folder(source).mails()
    with closing(renderers_for(mails, mails.limits, 2)) as runner:  # before there are threads to inherit
        runner.start()
        create_language_server(mails, runner).start_io()
