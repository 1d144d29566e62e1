"""A folder of mail templates, for all who look at it: the studio, the checks, the export, the tests of a project.

**One folder, one look.** `Gallery` looks at the disk each time it is asked, so nothing is out of date; a request, a
check or an export asks within `one_look`, or a page over a hundred templates would stat each file a hundred times.

**What is a mail** is told by the files: a whole document that nobody extends or includes, then by names.

**What a template is given** comes from a visitor of our own over Jinja's syntax tree (`variables`), since `jinja2.meta`
gives flat names only: it follows layouts, macros with their arguments, loops and format strings. All that can be
written down is plain data (`placeholders`), so that the form can edit it and a file can keep it; only calls are
stand-ins. A name that no sample has raises where a mail is sent, and where it is checked it is noted and drawn as a
stand-in, so that it hides nothing else.

**What samples leave out** is found in `branches`, **what mails share** is taken apart in `components`.
"""

from keyturn.emails.gallery.gallery import Entry, Gallery
from keyturn.emails.gallery.samples.sample import Sample

__all__ = ["Entry", "Gallery", "Sample"]
