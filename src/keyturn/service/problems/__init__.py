"""The errors that users see, a class for each.

`pages/templates/refusal.html` may have a text of its own for a class.
"""
