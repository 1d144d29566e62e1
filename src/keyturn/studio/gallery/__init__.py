"""A folder of mail templates: for the studio, the checks and the tests of a project."""

from keyturn.studio.gallery.gallery import Entry, Gallery
from keyturn.studio.gallery.samples import MailName, Sample

__all__ = ["Entry", "Gallery", "MailName", "Sample"]
