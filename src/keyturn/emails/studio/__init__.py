"""The studio: designers see the mails before anyone gets them. For development alone; only `cli` imports it.

All of its state is in the address (`view.View`): every view is a plain GET that works without scripts, and the scripts
fetch the same page and swap its regions. So whatever somebody looks at can be linked to. The palette and the dialog of
keys are read from the links of the page: there is no second list of what can be done.

It starts without the service. Litestar loads Advanced Alchemy, and with it SQLAlchemy, wherever that is installed; the
command keeps both away, and what takes its time (the checks, Pygments, polyfactory, the watcher) is loaded with the
first who needs it.

From the template to the pixels: `pages/mail/template_pages` asks `rendering/rendition` for the mail of a view; the page
holds a frame, and `pages/mail/frame_pages` answers with the mail alone, as `frames` prepare it.

Templates are run by `rendering/drawing` alone, which a worker has (`keyturn.emails.workers`): what a page wants to know
of a drawing is a function that is sent there, with plain values back. So nothing here waits for a template but the
thread that asks, and none of those runs on the loop.
"""

from keyturn.emails.studio.app import create_studio_app, studio_router, studio_routers
from keyturn.emails.studio.studio import Studio

__all__ = ["Studio", "create_studio_app", "studio_router", "studio_routers"]
