"""From a view to its mail, and back to the lines of its templates.

A mail is rendered once for all requests (`rendition.Renditions`), until one of its files changes: one pass of Jinja and
MJML as it is sent, and one with the places of its parts. The frame shows the second, with a class for each element that
leads to a line. Its text equals that of the first, to the byte.
"""
