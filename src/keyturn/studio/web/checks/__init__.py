"""The findings of the checks and the state of the snapshots, kept until a file changes.

The studio shows a mail first. Then its script asks for the findings, of this mail and of the others, while the page is
open. Each form of the review carries a hash of what was shown, so a mail that has changed since is not accepted unseen.
"""
