"""The mail as a document of its own, in a sandboxed frame: it is drawn, and does nothing else.

A preview's frame has no scripts and opens nothing, so a token link in it cannot be followed by accident; a captured
mail's links open in a tab of their own, cross-site, as from a webmail. Light and dark are decided on the server, by
rewriting the media queries for that frame: the machine's own preference does not count.
"""
