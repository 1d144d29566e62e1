"""What MJML is made of, conditional comments, and HTML with marks.

`mail.rendering.html_tree` has the parser.
"""
