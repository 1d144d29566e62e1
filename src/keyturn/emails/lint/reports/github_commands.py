"""An examination as GitHub's workflow commands."""

from keyturn.emails.lint.examination import Examination, Found
from keyturn.emails.lint.reports.shown_path import Shown

_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(examination: Examination, shown: Shown) -> str:
    """Return a workflow command for each finding, which GitHub shows at its line of a pull request.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    return "\n".join(_command(found, shown) for found in examination.found)


def _command(found: Found, shown: Shown) -> str:
    finding = found.finding
    values = {
        "file": shown(finding.place.file),
        "line": finding.place.line,
        "col": finding.place.column,
        "title": finding.rule,
    }
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in values.items())
    return f"::{_LEVELS[finding.severity]} {properties}::{_data(f'{finding.message} {finding.fix}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
