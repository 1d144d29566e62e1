"""What a text needs of a language: gettext, and dates, durations and numbers as people write them (Babel, CLDR).

Catalogues are read as `.po`, nothing is compiled beforehand: a team adds one text file. A line check stands before
Babel's reader, which takes an unclosed quote for a letter. The plural rule is the catalogue's own: Babel's for Arabic
is wrong. Values that are filled into a text are set apart by Unicode isolates, as MessageFormat 2 does, but not in
headers.
"""

from keyturn.languages.catalogues import ANY, PACKAGED, Catalogues, Text, parse_locale
from keyturn.languages.choosing import Languages, languages_in
from keyturn.languages.faults import CatalogueFault, catalogue_faults, excerpt
from keyturn.languages.language import READER, SOURCE_LANGUAGE, Language
from keyturn.languages.names import order_of_name
from keyturn.languages.texts import SourceTexts

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
