"""What mails share, taken apart: each macro with its parameters, each file as it is included, and every use of them.

A part is drawn alone: filled in with values that are guessed from its own text, as a template without samples is, and
put into the nearest thing that a compiler takes, with the head of a mail that uses it.
"""
