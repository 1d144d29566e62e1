"""What is wrong with a mail, where in its templates, how to fix it, and who has it."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from keyturn import values
from keyturn.studio.gallery.naming import TooLarge
from keyturn.studio.gallery.samples import MailName
from keyturn.studio.gallery.sandbox import EndedBySandbox
from keyturn.studio.renderers.limits import OutOfTime

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # the worst first
OFF = "off"  # a team's choice in place of a severity
_LONGEST_WORD = 300
_LIMITS = {"time": (OutOfTime, EndedBySandbox), "memory": (MemoryError,), "size": (TooLarge,)}
_DECLARED = attrgetter("rule", "place", "message", "severity", "fix", "clients")


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a template.

    `line` and `column` count from 1. Line 0 is unknown: formats for tools have the first.
    """

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def line_for_tools(self) -> int:
        return self.line or 1


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 1."""
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


did_you_mean = partial(values.did_you_mean, question="Did you mean {}?")
"""Return a fix with the closest known name, or an empty text."""


def did_you_mean_file(name: str, known: Iterable[str], by: str = "") -> str:
    """Return a fix with the closest known file, or an empty text.

    The names must be close without their folders and endings, too. `by`: the file that names it,
    which cannot be meant.
    """
    stem = PurePosixPath(name).stem
    close = []
    for file in known:
        if file != by and get_close_matches(stem, [PurePosixPath(file).stem], cutoff=0.5):
            close.append(file)
    return did_you_mean(name, close)


class ClientGap(msgspec.Struct, frozen=True):
    """A mail client, as Can I email names it, that lacks a feature or has a part of it."""

    client: str
    support: Literal["no", "partial"]


class FindingKind(NamedTuple):
    """What equal findings share, which count as one with several places.

    `message`: of errors; empty for others.
    """

    rule: str
    severity: Severity
    message: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake in one place of the templates, for people, and who has it.

    `rule`: stable, "group/what-is-wrong". `message` and `fix` have one or two sentences without
    values of the sample.
    `feature`: Can I email's name of the feature that the `clients` lack. `mails` have it, unless it
    is on the templates themselves, and `templates`: in their own files or in shared ones.
    `hides`: because of it, the checks have not seen its mails, or not all of them. `fingerprint`:
    that of its line.
    `reason`: why a comment ignores it, or empty. `known`: it is in the baseline.
    """

    rule: str
    severity: Severity
    message: str
    fix: str
    place: Place
    feature: str = ""
    clients: tuple[ClientGap, ...] = ()
    mails: tuple[MailName, ...] = ()
    templates: tuple[str, ...] = ()
    hides: bool = False
    fingerprint: str = ""
    reason: str = ""
    known: bool = False

    @property
    def group(self) -> str:
        return self.rule.partition("/")[0]

    @property
    def kind(self) -> FindingKind:
        message = ""
        if self.severity == "error":
            message = self.message
        return FindingKind(self.rule, self.severity, message)

    @property
    def counts(self) -> bool:
        """Whether neither a comment nor the baseline accepts it."""
        return not (self.reason or self.known)


def merge(
    findings: Iterable[Finding], by: Callable[[Finding], object] = _DECLARED
) -> list[Finding]:
    """Return findings that are equal (`by`) as one, in the place of the first, with the mails of
    all.
    """
    equal: dict[object, list[Finding]] = {}
    for finding in findings:
        equal.setdefault(by(finding), []).append(finding)
    return [_merged(those) for those in equal.values()]


def _merged(those: Sequence[Finding]) -> Finding:
    if len(those) == 1:
        return those[0]
    hides = any(one.hides for one in those)
    return replace(those[0], mails=tuple(mails_of(those)), hides=hides)


def mails_of(findings: Iterable[Finding]) -> list[MailName]:
    """Return the mails that have one of the findings, each once."""
    mails: dict[MailName, None] = {}
    for finding in findings:
        mails.update(dict.fromkeys(finding.mails))
    return list(mails)


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as a sentence lists them: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def cut(word: str, longest: int = _LONGEST_WORD) -> str:
    """Return a word of a template as a finding quotes it: its beginning, if it has more letters."""
    return f"{word[:longest]}…" if len(word) > longest else word


def limit_of(cause: BaseException | None) -> str:
    """Return the name of the limit that an exception reports; empty for other exceptions."""
    for limit, kinds in _LIMITS.items():
        if isinstance(cause, kinds):
            return limit
    return ""
