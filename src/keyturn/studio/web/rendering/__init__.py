"""From a view to its mail, rendered once for all requests until a file changes, and back to the lines of its templates.

The mail as it is sent and the mail with a class for each element have the same text, to the byte.
"""
