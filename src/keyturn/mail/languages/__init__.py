"""Languages: gettext, and CLDR's formats.

The plural rule is the catalogue's: Babel's for Arabic is wrong.
"""
