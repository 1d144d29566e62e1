"""What MJML is made of, conditional comments, and compiled HTML with marks that lead back to the author's tags.

`mail.rendering.html_tree` parses MJML and HTML.
"""
