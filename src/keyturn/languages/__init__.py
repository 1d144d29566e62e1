"""Languages: gettext, and localised dates, durations and numbers (Babel, CLDR).

Catalogues are read as `.po` without compiling: a team adds one text file. Lines are checked before Babel's reader,
which takes an unclosed quote for a letter. The plural rule is the catalogue's own, because Babel's for Arabic is wrong.
Values in a text are enclosed in Unicode isolates, as in MessageFormat 2, but not in headers.
"""

from keyturn.languages.catalogues import ANY, PACKAGED, Catalogues, Text, parse_locale
from keyturn.languages.faults import CatalogueFault, catalogue_faults, excerpt
from keyturn.languages.language import READER, SOURCE_LANGUAGE, Language, order_of_name
from keyturn.languages.texts import SourceTexts
from keyturn.languages.user_language import Languages, languages_in

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
