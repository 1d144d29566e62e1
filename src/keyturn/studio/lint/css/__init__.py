"""Stylesheets, matched to the compiled HTML, and the colours and sizes that follow, also in dark
modes.

`cssselect2` is declined: its elements have no offsets, and it cannot assume the attributes that
Outlook.com sets.
"""
