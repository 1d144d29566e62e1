"""The studio: designers see the mails before they are sent.

For development only.

The address holds the whole state (`view.View`): every view is a plain GET that can be read without
scripts. Scripts fetch the same page and swap its regions, and the palette reads the links of the
page.

`app` builds everything once, and a handler names what it needs as its dependencies. A `Visit` is
one request, and `pages/layout` renders what surrounds its page.

`pages/template_pages` asks `rendering/rendition` for the mail of a view. The page holds a frame,
which is answered with the mail alone, as `frames` prepares it. Templates of mails run only in a
renderer process (`keyturn.studio.renderers`), to which `rendering/rendition` sends a function.
Hosted pages, which are the operator's own, render in a thread. So a template blocks only the thread
that asks, never the event loop.

What renderers run (`rendering`, `checks`, `frames`, `drafts`) imports no web framework, which would
take 40 MB.
"""
