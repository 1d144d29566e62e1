"""Checks on emails: each finding with its place in the templates, and what to do about it.

`examination` runs them over a gallery. `document` is a mail as the checks see it. `rules` lists every rule: a module
declares its rules as a `RuleGroup` beside the check that uses them, and only a rule can make a finding.

**String subclasses carry the origin of each piece of text** through Jinja's `code_generator_class` (`source`). Marks
in the text itself would change lengths and conditions. Only the checks and the studio render this way.

**MJML that mrml refuses is a finding** before it is an error at send time: the guard checks all MJML, the other checks
run on mails that compile.
"""
