"""Languages: gettext, and localised dates, durations and numbers (Babel, CLDR).

Catalogues are read as `.po` without compiling: a team adds one text file. Lines are checked before Babel's reader,
which takes an unclosed quote for a letter. The plural rule is the catalogue's own, because Babel's for Arabic is wrong.
Values in a text are enclosed in Unicode isolates, as in MessageFormat 2, but not in headers.
"""

from keyturn.mail.languages.catalogues import (
    ANY,
    PACKAGED,
    CatalogueFault,
    Catalogues,
    Text,
    catalogue_faults,
    excerpt,
    parse_locale,
)
from keyturn.mail.languages.language import READER, SOURCE_LANGUAGE, Language, Languages, languages_in, order_of_name
from keyturn.mail.languages.texts import SourceTexts

__all__ = [
    "ANY",
    "PACKAGED",
    "READER",
    "SOURCE_LANGUAGE",
    "CatalogueFault",
    "Catalogues",
    "Language",
    "Languages",
    "SourceTexts",
    "Text",
    "catalogue_faults",
    "excerpt",
    "languages_in",
    "order_of_name",
    "parse_locale",
]
