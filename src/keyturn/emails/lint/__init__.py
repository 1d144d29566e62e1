"""Checks on emails: each finding with its place in the templates, and what to do about it.

`examination` runs them over a gallery, `document` is a mail as they see it, `rules` lists all that they can say: a
module declares its rules as a `RuleGroup` beside the check that finds them, and a finding is made through one alone.

**The origin of each piece of text is carried by string subclasses** through Jinja's `code_generator_class` (`source`),
never as characters in the text, which would change lengths and conditions. Only the checks and the studio render so.

**What mrml refuses is a finding**, not a surprise at send time: the guard runs on all MJML, the checks on what
compiles.
"""
