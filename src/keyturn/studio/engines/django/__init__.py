"""Django's own engine, in the project's own Python. Its code runs: a user who names the settings trusts the project.

While a template is rendered, `tracing` replaces the two methods that render nodes, and `{% mjml %}` blocks keep their
MJML for Keyturn's compiler, since packages would pass it to a command or a remote server.
"""
