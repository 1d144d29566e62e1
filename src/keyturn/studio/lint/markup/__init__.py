"""The structure of MJML, conditional comments, and HTML with marks.

`mail.rendering.html_tree` has the parser.
"""
