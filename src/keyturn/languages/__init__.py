"""What a text needs of a language: gettext, and dates, durations and numbers as people write them (Babel, CLDR)."""

from keyturn.languages.catalogues import ANY, PACKAGED, Catalogues, Text
from keyturn.languages.choosing import Languages, languages_in
from keyturn.languages.faults import CatalogueFault, catalogue_faults, shown
from keyturn.languages.language import SOURCE_LANGUAGE, Language
from keyturn.languages.texts import SourceTexts

__all__ = [
    "ANY",
    "PACKAGED",
    "SOURCE_LANGUAGE",
    "CatalogueFault",
    "Catalogues",
    "Language",
    "Languages",
    "SourceTexts",
    "Text",
    "catalogue_faults",
    "languages_in",
    "shown",
]
