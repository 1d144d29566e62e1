"""The errors that users see: a class for each, with status, slug, title, outcome, members and sentence.

To add one, write a class in the file of its subject; `pages/templates/refusal.html` may have a text for its page.
"""
