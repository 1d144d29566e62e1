"""The errors that users see: a class for each. `pages/templates/refusal.html` may have a text for
its page.
"""
