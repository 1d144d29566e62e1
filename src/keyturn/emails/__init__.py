"""Emails, whoever sends them: a folder of templates, the checks on them, their golden files, and the studio."""
