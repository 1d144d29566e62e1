"""What a page says of the branches of a mail: how many are drawn, and the lines that never are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.branches.report import Coverage, NeverDrawn, coverage_of


@dataclass(frozen=True, slots=True)
class MailCoverage:
    """The coverage of a mail, and that of its folder as far as it was looked through: so many `mails` of it."""

    mail: Coverage
    folder: Coverage
    name: str
    mails: int


def mail_coverage(gallery: Gallery, template: str) -> MailCoverage | None:
    """Return what is known; None where nobody has looked for branches, or there are none."""
    report = gallery.known_branches(template)
    if report is None or not report.known:
        return None
    folder = template.rpartition("/")[0]
    inside = (name for name in gallery.names() if name.rpartition("/")[0] == folder)
    reports = [found for name in inside if (found := gallery.known_branches(name))]
    return MailCoverage(report.coverage, coverage_of(reports), folder, len(reports))


def undrawn_in(gallery: Gallery, file: str, mails: Iterable[str]) -> Mapping[int, NeverDrawn]:
    """Return the lines of a file that none of these mails draws, as far as is known, each with its branch."""
    reports = [found for name in mails if (found := gallery.known_branches(name))]
    of_file = [one for one in coverage_of(reports).never_drawn if one.file == file]
    return {line: one for one in of_file for line in range(one.line, one.last_line + 1)}
