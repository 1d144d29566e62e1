"""What the checks and the golden files say of a mail, kept until one of its files changes.

The checks come after the mail. The studio draws first; then its script asks for the findings, of this mail and then of
the others, for as long as the page is there: nothing is checked that nobody waits for. They are kept for each sample as
it is written; for one that is edited, made up or in another brand, the last alone.

What only a browser knows, the page measures in its own and tells (`in_browser`); and no library compares the pixels of
a snapshot, since the browser that draws both mails takes one from the other (`mix-blend-mode`).

Mails with the same edit are one group with one button, and each form carries a hash of what was looked at: what has
changed since is not accepted unseen.
"""
