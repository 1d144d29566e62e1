"""Checks on emails: each finding with its place in the templates, and what to do about it.

`check` runs them over a gallery or on one mail, and makes a `Report` of each `Finding`. `formats` writes it.
`document` is a mail as the checks see it. `rules.toml` has a row for each rule with its severity, message and fix: a
check says where, and which words fill the texts in.

**String subclasses carry the origin of each piece of text** through Jinja's `code_generator_class` (`source`). Marks
in the text itself would change lengths and conditions. Only the checks and the studio render this way.

**MJML that mrml refuses is a finding** before it is an error at send time: the guard checks all MJML, the other checks
run on mails that compile.
"""
