"""mcp: a server through which coding agents see emails."""

from contextlib import closing

import click

from keyturn.cli.emails.folders import Source, open_folder, takes_source
from keyturn.packaging import requires_extra


@click.command("mcp")
@takes_source()
def mcp(source: Source) -> None:
    """Let a coding agent see, check and read emails (needs keyturn[mcp]; pictures need keyturn[browser], too).

    An agent starts this command and speaks the Model Context Protocol with it, over its input and output. DIRECTORY is
    the folder of templates. Without it, the settings name the folder, from where the command runs.

    The templates run in a sandbox within the limits of a mail, as in `keyturn check`. The server changes no file.

    \b
    Example:  keyturn mcp emails
    """
    with requires_extra("mcp", "The MCP server"):
        from keyturn.emails.mcp_server import create_mcp_server
    from keyturn.emails.renderers import renderers_for

    mails = open_folder(source).mails()
    with closing(renderers_for(mails, mails.limits, 2)) as runner:  # before there are threads to inherit
        runner.start()
        create_mcp_server(mails, runner).run("stdio")
