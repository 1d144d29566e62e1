"""From typed props to a rendered mail: Jinja, MJML, HTML and the text part.

`<mj-include>` becomes Jinja's include before Jinja reads the file, so lines, values, reloading and nesting are Jinja's;
mrml's own loader supports neither values nor lines.
"""
