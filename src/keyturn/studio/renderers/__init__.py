"""Renderers: processes that work on templates, which are programs, and end when they pass a limit.

`RendererPool` keeps the processes, and `limits` has their limits. A renderer is forked by a process that was itself
forked before there were threads. So it shares loaded memory, takes milliseconds to replace, and has the opened folder,
which could not be sent to it: the environment of an app cannot be pickled. Without fork (Windows), the requesting
process does the work, within the sandbox alone.

A renderer is no barrier against code that escapes Jinja's sandbox: it runs as the same user, and its answers are
unpickled.

Declined: `pebble` forks from a process with threads, or spawns processes and pickles their state, which fails.
`concurrent.futures` cannot end a single job.
"""

from keyturn.studio.renderers.limits import LimitExceeded, Limits
from keyturn.studio.renderers.pool import RendererPool, Runner, renderers_for

__all__ = ["LimitExceeded", "Limits", "RendererPool", "Runner", "renderers_for"]
