"""Emails of any sender: a folder of templates, the checks on them, their snapshots,
and the studio.
"""
