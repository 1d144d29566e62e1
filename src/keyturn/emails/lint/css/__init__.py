"""Styles: read, matched, and what they make of an element. Contrast is judged on compiled HTML, where dark rules count.

tinycss2 reads; the matching is our own. `cssselect2` is declined: it matches elements of ElementTree, which know no
offsets, and cannot be told to take as given the marks that Outlook.com sets.
"""
