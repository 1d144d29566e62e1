"""Stylesheets, matched to the compiled HTML, and the colours and sizes that follow, also in dark modes.

tinycss2 parses; the matching is our own. `cssselect2` is declined: its ElementTree elements have no offsets, and it
cannot assume the attributes that Outlook.com sets.
"""
