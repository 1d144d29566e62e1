"""From typed props to a rendered mail: Jinja, MJML, HTML and the text part.

A project's mails are a folder on top of Keyturn's (`folders`): a file in it replaces the same file beneath, and nothing
is copied. `<mj-include>` becomes Jinja's include before Jinja reads the file, so lines, values, reloading and nesting
are Jinja's; mrml's own loader supports neither values nor lines. For `<mj-style inline="inline">` css-inline decides
which rules match. Its serialisation is never sent, since it rewrites the document type and `&nbsp;`.

Each string prop is printed as one line, so a name cannot add lines of its own to a mail. Keyturn's own templates are
compiled once in a process (`jinja.py`), since a test suite builds the app hundreds of times.
"""
