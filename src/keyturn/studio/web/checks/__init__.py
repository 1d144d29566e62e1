"""The findings of the checks and the state of the snapshots, kept until a file changes.

The studio shows a mail first. Then its script asks for the findings: of this mail, then of the others, while the page
is open. So only requested checks run. The reports on the latest mails are kept, and those on all templates.

Mails with the same edit form one group with one button. Each form carries a hash of what was shown, so a mail that has
changed since cannot be accepted unseen.
"""
