"""An examination as JUnit XML, for the servers that show tests: Jenkins, GitLab, Azure, Buildkite.

A suite for each file, a test case for each finding in it; a file cannot be passed over in silence, so one case stands
for a folder without findings. There is no specification: this is what the schema of Jenkins' xunit plugin allows.
"""

import re
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from keyturn.emails.lint.examination import Examination, Found
from keyturn.emails.lint.finding import worst_down_to
from keyturn.emails.lint.reports.shown_path import Shown
from keyturn.emails.lint.tally import Tally

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for (section 2.2)."""


def as_junit(examination: Examination, shown: Shown, fail_on: str = "error") -> str:
    """Return a document in which what is as severe as `fail_on`, or worse, is a failure, and the rest is skipped."""
    root = Element("testsuites", name="keyturn check")
    by_file = groupby(examination.found, lambda found: found.finding.place.file)
    for file, found in by_file:
        _add_suite(root, shown(file), tuple(found), fail_on)
    if not examination.found:
        suite = SubElement(root, "testsuite", name="keyturn check", tests="1", failures="0", skipped="0")
        SubElement(suite, "testcase", classname="keyturn check", name=f"{examination.mails} mails")
    for count in ("tests", "failures", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, "unicode")


def _add_suite(root: Element, file: str, found: tuple[Found, ...], fail_on: str) -> None:
    tally, failing = Tally.of(one.finding for one in found), worst_down_to(fail_on)
    failures = tally.down_to(fail_on)
    suite = SubElement(
        root,
        "testsuite",
        name=_text(file),
        tests=str(tally.all),
        failures=str(failures),
        skipped=str(tally.all - failures),
    )
    for one in found:
        finding, place = one.finding, one.finding.place
        case = SubElement(
            suite,
            "testcase",
            classname=_text(file),
            name=f"{finding.rule} {place.line}:{place.column}",
            file=_text(file),
            line=str(place.line),
        )
        tag = "failure" if finding.severity in failing else "skipped"
        told = SubElement(case, tag, type=f"{finding.severity} {finding.rule}", message=_text(finding.message))
        where = [f"{file}:{place.line}:{place.column}", *(f"in {mail}" for mail in one.mails)]
        told.text = _text("\n".join([finding.message, finding.fix, *where]))


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
