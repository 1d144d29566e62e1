"""What can be wrong with a comment that ignores findings: `ignore_comments` knows all rules, and these too."""

from keyturn.emails.lint.finding import RuleGroup

RULES = RuleGroup("ignore", "unknown-rule", "unreadable", "unused")
