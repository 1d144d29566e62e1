"""MJML as a tree with offsets, the author's HTML in it, and compiled HTML with marks that lead back to both.

MJML has its own parser: it is neither HTML nor XML, and checks need the offset of every value. HTML is parsed by
`mail.rendering.html_tree`. `html5lib` and `lxml` are declined: they have no columns, which findings need.
"""
