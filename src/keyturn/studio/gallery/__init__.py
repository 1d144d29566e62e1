"""A folder of mail templates: for the studio, the checks and the tests of a project.

`Gallery` reads the disk on each call, so it is never out of date. `discovery` tells mails from shared files, `samples`
reads and writes values, `variables` guesses those that are missing, and `branches` forces what samples leave out.
"""

from keyturn.studio.gallery.gallery import Entry, Gallery
from keyturn.studio.gallery.samples import MailName, Sample

__all__ = ["Entry", "Gallery", "MailName", "Sample"]
