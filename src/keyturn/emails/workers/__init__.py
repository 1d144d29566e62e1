"""Work on templates in processes that are ended when it takes too long or too much: templates are programs.

`Workers` keeps them, `limits` says what bounds them. A worker is forked, by a process that was itself forked before
there were threads (`spawner`): it shares the memory of what is loaded, takes milliseconds to replace, and has the
folder as it was opened, which nobody could send it, since an app's own environment cannot be pickled. Where there is
no fork (Windows), the work is done in the process that asks, under the bounds of the sandbox alone.

It is no wall against code that has broken out of Jinja's sandbox: a worker is the same user, and what it answers is
unpickled.

`pebble` forks its workers from a process that has threads by then, or starts them anew and sends them what they work
with, which cannot be sent; `concurrent.futures` cannot end a single job.
"""

from keyturn.emails.workers.limits import LimitExceeded, Limits
from keyturn.emails.workers.pool import Here, Runner, Workers, workers_for

__all__ = ["Here", "LimitExceeded", "Limits", "Runner", "Workers", "workers_for"]
