"""The data that a mail is rendered with: a sample, with the user's edits on top.

An edit is one JSON object in the address, so it can be linked to. A page holds the types of the data as JSON Schema, of
which its script makes the form.
"""
