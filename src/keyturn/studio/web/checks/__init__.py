"""The findings of the checks and the state of the snapshots, kept until a file changes.

The studio shows a mail first. Then its script asks for the findings: of this mail, then of the others, while the page
is open. So only requested checks run. Findings are kept for each sample as it is written; for edited, generated or
branded samples, only the latest are kept.

Mails with the same edit form one group with one button. Each form carries a hash of what was shown, so a mail that has
changed since cannot be accepted unseen.
"""
