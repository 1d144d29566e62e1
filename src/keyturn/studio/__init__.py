"""Emails, whoever sends them: a folder of templates, the checks on them, their snapshots, and the studio."""
