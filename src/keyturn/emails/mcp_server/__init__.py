"""The MCP server: coding agents see a folder's mails as a person does in the studio.

The official SDK speaks the Model Context Protocol, over the input and output of the process that an agent starts. The
renderers do the work within the limits of a mail. Pictures are taken in Chromium as `check --browser` measures: no
script of a mail runs, and no host is contacted. The server reads only; an agent edits files with its own tools.
"""

from keyturn.emails.mcp_server.server import create_mcp_server

__all__ = ["create_mcp_server"]
