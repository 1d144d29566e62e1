"""From a view to the mail that it shows, and back to the lines of its templates.

A mail is drawn once for all who ask (`rendition.Renditions`): one Jinja and one MJML pass as it is sent, one of each
with the places that it comes from, until one of its files changes. The frame shows the second, with a class for each
element, and every class leads to a line; the text is that of the first, to the byte.
"""
