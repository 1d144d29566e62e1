"""A folder of mail templates, for all who look at it: the studio, the checks, the tests of a project."""

from keyturn.emails.gallery.gallery import Entry, Gallery
from keyturn.emails.gallery.samples.sample import Sample

__all__ = ["Entry", "Gallery", "Sample"]
