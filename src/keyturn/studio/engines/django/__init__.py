"""Django's own engine, in the project's own Python.

Its code runs: a user who names the settings trusts the project.

`{% mjml %}` blocks keep their MJML for Keyturn's compiler: packages would pass it to a command or a
remote server.
"""
