"""MJML as a tree with offsets, the HTML that an author wrote in it, and HTML that leads back to both.

MJML is read by a parser of our own: it is neither HTML nor XML, and a check needs the offset of every value. HTML is
read by `mail.rendering.html_tree`. `html5lib` and `lxml` are declined: they know no columns, and a finding names its
place.
"""
