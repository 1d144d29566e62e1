"""The languages in which a browser looks at everything: a second or two for each test of each of them."""

import os

from keyturn.languages import Languages

TELLING = ("ar", "de", "el", "fi", "ja", "ru")
"""From right to left, long words, other letters, no blanks between words."""

NOT_TELLING = frozenset(Languages("UTC").known) - {*TELLING, "en"}
"""Those in which a test that has all of them is long."""

LOOKED_AT = sorted(Languages("UTC").known) if os.environ.get("EVERY_LANGUAGE") else TELLING
"""All of them under `just languages`."""
