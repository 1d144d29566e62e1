"""Languages: gettext's texts, and CLDR's formats.

Plurals follow the rule in the catalogue, because Babel's rule for Arabic is wrong.
"""
