"""What a mail is drawn with: its sample or what a seed makes of it, and what was edited on top.

An edit is one JSON object in the address, so what somebody tries can be linked to. The form is made from the types of
the props; while a value does not fit, the mail shows the last that did.
"""
