"""From typed props to a rendered mail: Jinja, MJML, HTML and the text part.

One's own mails are a folder over Keyturn's (`folders`): a file of the first stands in for its like beneath, and nothing
is copied. `<mj-include>` is Jinja's include: it is rewritten before Jinja reads the file, so lines, values, reloading
and nesting are Jinja's; mrml's own loader knows no values and no lines. For `<mj-style inline="inline">` css-inline
decides which rule matches what, and its serialisation is never sent, since it rewrites the document type and `&nbsp;`.

A prop's string is one line by construction, so a name cannot write lines of its own into a mail. Keyturn's own
templates are compiled once in a process (`jinja_cache`): a test suite builds the app hundreds of times. Their mails,
when they are sent, are compiled once for all of one shape (`shapes`), in a tenth of the time; one's own templates may
look at a value as closely as they like, so theirs are rendered each by itself.
"""
