"""The variables of templates, plausible values for them, and names that samples lack.

The templates of Jinja are rendered once with a `Probe` for each variable, which notes its uses. Those of Django are
read (`engines/django`), since their tags are code of the project.
"""
