"""The data that a mail is drawn with: a sample, or generated data, with the reader's edits on top.

An edit is one JSON object in the address, so it can be linked to. A page holds the types of the data as JSON Schema, of
which its script makes the form. While a value does not fit its type, the mail shows the last value that did.
"""
