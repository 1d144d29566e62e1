"""mcp: a server through which coding agents see emails."""

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
        from keyturn.emails.mcp_server import MailReader, create_mcp_server
    from keyturn.emails.gallery.configuration import limits_of
    from keyturn.emails.renderers import RendererPool, renderers_for

    opened = open_folder(source)
    settings = opened.settings
    reader = MailReader(opened.gallery, settings.clients, settings.severity, limits_of(settings))
    runner = renderers_for(reader, reader.limits, 2)  # before there are threads to inherit
    try:
        if isinstance(runner, RendererPool):
            runner.start()
        create_mcp_server(reader, runner).run("stdio")
    finally:
        runner.close()
