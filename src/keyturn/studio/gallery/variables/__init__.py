"""The variables of templates, plausible values for them, and names that samples lack.

A template is rendered once with a `Probe` for each variable, which notes its uses. Those of Django are translated for
that (`engines/django`), since their tags are code of the project.
"""
