"""An examination for machines. docs/check.md describes each format, and docs/check.schema.json the JSON one."""

from keyturn.emails.lint.reports.github_commands import as_github
from keyturn.emails.lint.reports.json_report import as_json
from keyturn.emails.lint.reports.junit import as_junit
from keyturn.emails.lint.reports.sarif import as_sarif
from keyturn.emails.lint.reports.shown_path import Shown

__all__ = ["Shown", "as_github", "as_json", "as_junit", "as_sarif"]
