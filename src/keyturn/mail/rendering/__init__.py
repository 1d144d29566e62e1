"""From typed props to a rendered mail: Jinja, MJML, HTML and the text part."""
