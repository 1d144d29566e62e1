"""A folder of mail templates: for the studio, the checks and the tests of a project.

**One look.** `Gallery` reads the disk on each call, so it is never out of date. A request, a check or an export works
within `one_look`: otherwise a page on a hundred templates would stat each file a hundred times.

**Mails.** A mail is a whole document that no other file extends or includes. Where that does not decide, names do.

**Variables.** `variables` finds the values that a template expects: it renders the template with a probe for each.
`jinja2.meta` gives flat names only. Guessed values are plain data, so that the form can edit them and a file can hold
them. Only calls are stand-ins. A name that the sample lacks raises when a mail is sent. A check notes it and renders a
stand-in, so that one missing name hides no other mistake.

`branches` forces what samples leave out.
"""

from keyturn.studio.gallery.gallery import Entry, Gallery
from keyturn.studio.gallery.mail_name import MailName
from keyturn.studio.gallery.samples import Sample

__all__ = ["Entry", "Gallery", "MailName", "Sample"]
