"""Renderers: processes that work on templates, which are programs, and end when they pass a limit.

A renderer is forked by a process that was itself forked before there were threads. So it shares
loaded memory, takes milliseconds to replace, and has the opened folder, which cannot be pickled:
`pebble` fails on it, and `concurrent.futures` cannot end a single job. Without fork (Windows), the
requesting process does the work.

A renderer is no barrier against code that escapes Jinja's sandbox: it runs as the same user.
"""

from keyturn.studio.renderers.limits import LimitExceeded, Limits
from keyturn.studio.renderers.pool import RendererPool, Runner, renderers_for

__all__ = ["LimitExceeded", "Limits", "RendererPool", "Runner", "renderers_for"]
