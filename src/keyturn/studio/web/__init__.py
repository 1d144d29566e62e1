"""The studio: designers see the mails before they are sent. For development only; only `cli` imports it.

The address holds the whole state (`view.View`). Every view is a plain GET that can be read without scripts, and linked
to. The form of a mail's data, the editor and the palette need scripts, which fetch the same page and swap its regions.
The palette reads the links of the page, so no second list of actions exists.

The studio starts without the service. Renderers load no web framework, so what they run is in `rendering`, `checks`,
`frames` and `drafts`, which import none: Litestar brings Advanced Alchemy and SQLAlchemy where they are installed,
40 MB. Slow parts (Pygments, polyfactory, the watcher) are loaded when they are first needed.

From the template to the pixels: `pages/template_pages` asks `rendering/rendition` for the mail of a view. The page
holds a frame, which is answered with the mail alone, as `frames` prepares it.

Templates run only in `rendering/rendition`, in a renderer process (`keyturn.studio.renderers`). A page sends a function
there and gets plain values back. So a template blocks only the thread that asks for it, never the event loop.
"""
