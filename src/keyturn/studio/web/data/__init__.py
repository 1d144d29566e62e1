"""The data that a mail is drawn with: a sample, or generated data, with the reader's edits on top.

An edit is one JSON object in the address, so it can be linked to. The form is made from the types of the props. While a
value does not fit its type, the mail shows the last value that did.
"""
