"""The records of a reset: links, limits of mailboxes, the audit trail, and the retention of all
rows.
"""
