"""Checks on emails: each finding with its place in the templates, and what to do about it.

A check says where and which words; `rules.toml` has the rest. **String subclasses carry the origin
of each piece** (`source`): marks in the text itself would change lengths and conditions.
"""
