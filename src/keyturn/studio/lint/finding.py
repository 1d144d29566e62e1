"""What is wrong with a mail, where in its templates and how to fix it; the rules, and how findings are counted."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, Self

import msgspec
from msgspec import Struct

from keyturn.studio.gallery.sandbox import EndedBySandbox
from keyturn.studio.gallery.sizes import TooLarge
from keyturn.studio.renderers.limits import OutOfTime

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""

_LONGEST_WORD, _LONGEST_TEXT = 300, 1_000


def worst_down_to(severity: str) -> tuple[Severity, ...]:
    """Return the severities from the worst to this one; an empty tuple for other words."""
    return SEVERITIES[: SEVERITIES.index(severity) + 1] if severity in SEVERITIES else ()


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a template. `file` is relative to the templates' folder; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 1."""
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


class Correction(msgspec.Struct, frozen=True):
    """A wrong word of a template, in letters of either case, and the right one."""

    wrong: str
    right: str


class Meant(str):
    """A fix that names the right word of a `correction`."""

    __slots__ = ("correction",)
    correction: Correction | None

    def __new__(cls, said: str, correction: Correction | None = None) -> Self:
        meant = super().__new__(cls, said)
        meant.correction = correction
        return meant


def did_you_mean(
    name: str, known: Iterable[str], cutoff: float = 0.6, said: str = "Did you mean {}?", written: str = ""
) -> str:
    """Return a fix that names the closest known name, or an empty text if none is close (`difflib`).

    `written`: the wrong word in the template, if it is not the name.
    """
    close = get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return Meant(said.replace("{}", close[0]), Correction(written or name, close[0])) if close else ""


def did_you_mean_file(name: str, known: Iterable[str], by: str = "") -> str:
    """Do the same for a file that `by` names: also without their folders and endings, the names must be close."""
    stem = PurePosixPath(name).stem
    close = (file for file in known if get_close_matches(stem, [PurePosixPath(file).stem], cutoff=0.5))
    return did_you_mean(name, (file for file in close if file != by))


def correction_of(fix: object) -> Correction | None:
    return fix.correction if isinstance(fix, Meant) else None


class ClientGap(msgspec.Struct, frozen=True):
    """A mail client, as Can I email names it ("outlook/windows"), that lacks a feature or has a part of it."""

    client: str
    support: Literal["no", "partial"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake in a mail. Equal findings from several samples are one.

    `rule`: stable, "group/what-is-wrong".
    `message` says what is wrong, `fix` how to fix it, in one or two sentences each. Both avoid values of the sample.
    `feature`: Can I email's name of the feature that the `clients` lack. Other findings have neither.
    `widths`: at which a browser found it, in CSS pixels; empty for checks without a browser.
    `correction`: the word to replace, if the fix names the right one.
    """

    rule: str
    severity: Severity
    message: str
    fix: str
    place: Place
    feature: str = ""
    clients: tuple[ClientGap, ...] = ()
    widths: tuple[int, ...] = ()
    correction: Correction | None = None

    @property
    def group(self) -> str:
        return self.rule.partition("/")[0]

    @property
    def kind(self) -> tuple[str, str, str]:
        """What equal findings share, which count as one with several places: the rule, of errors the message, too."""
        return self.rule, self.severity, self.message if self.severity == "error" else ""

    @property
    def rank(self) -> tuple[int, ...]:
        """The place of its kind in every list, the worst first: by severity, group, and clients that lack a feature."""
        lacking = sum(gap.support == "no" for gap in self.clients)
        return SEVERITIES.index(self.severity), RULES.rank(self.group), -lacking


class Rule(NamedTuple):
    """What a rule says of its findings, and to who asks about it. `message` and `fix` have places for words.

    `severities`: all that its findings can have, the usual one first. The others say when.
    """

    severities: Mapping[Severity, str]
    message: str
    fix: str
    what: str
    why: str
    bad: str
    good: str

    @property
    def severity(self) -> Severity:
        return next(iter(self.severities))


class Rules(Mapping[str, Rule]):
    """The rules of a TOML file, by name: "links/relative". The file is read on first use.

    A rule has its message under its severity, and its fix: `[links.relative]`, `error = "..."`, `fix = "..."`;
    `note_if` says when a finding is a note instead, `why` whom it hits, `bad` and `good` are an example. A table named
    for several groups, such as `["html mjml".cdata]`, is a rule of each. Groups are in the order in which people should
    read their findings.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def __getitem__(self, name: str) -> Rule:
        return self._declared[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)

    def rank(self, group: str) -> int:
        """Return the place of a group in the file; others come last."""
        return self._ranks.get(group, len(self._ranks))

    def finding(
        self,
        place: Place,
        rule: str,
        *,
        severity: Severity | None = None,
        message: str = "",
        fix: str = "",
        **words: object,
    ) -> Finding:
        """Make a finding of a rule, filling in the words. A severity or a text that is given here replaces the rule's.

        A long word is cut, and a long text. A rule that is not declared, or not with this severity, raises KeyError.
        """
        declared = self[rule]
        if severity and severity not in declared.severities:
            raise KeyError(f"{rule} is declared without the severity {severity}")
        filled = {name: cut(word) if isinstance(word, str) else word for name, word in words.items()}
        return Finding(
            rule=rule,
            severity=severity or declared.severity,
            message=cut(message or declared.message.format(**filled), _LONGEST_TEXT),
            fix=cut(str(fix) or declared.fix.format(**filled), _LONGEST_TEXT),
            place=place,
            correction=next(filter(None, map(correction_of, (fix, *words.values()))), None),
        )

    @cached_property
    def _groups(self) -> dict[str, dict[str, dict[str, str]]]:
        return msgspec.convert(tomllib.loads(self._file.read_text("utf-8")), dict[str, dict[str, dict[str, str]]])

    @cached_property
    def _ranks(self) -> dict[str, int]:
        return {group: rank for rank, named in enumerate(self._groups) for group in named.split()}

    @cached_property
    def _declared(self) -> dict[str, Rule]:
        return {
            f"{group}/{name}": Rule(
                {severity: "", **{other: texts[f"{other}_if"] for other in SEVERITIES if f"{other}_if" in texts}},
                texts[severity],
                *((rules.get("*", {}) | texts).get(text, "") for text in ("fix", "what", "why", "bad", "good")),
            )
            for named, rules in self._groups.items()
            for name, texts in rules.items()
            for severity in SEVERITIES
            if severity in texts
            for group in named.split()
        }


RULES = Rules(Path(__file__).with_name("rules.toml"))
"""The rules of the checks, apart from those of mail clients' features."""


class Tally(Struct, frozen=True):
    """Counts findings by severity, equal ones once. Ignored and known findings are left out by the caller.

    A finding counts once however many places, samples, languages and branches show it. One in several templates counts
    for each of them, and once for the folder.
    """

    errors: int = 0
    warnings: int = 0
    notes: int = 0

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Tally":
        severities = [severity for _, severity, _ in {finding.kind for finding in findings}]
        return cls(*map(severities.count, SEVERITIES))

    @property
    def by_severity(self) -> dict[Severity, int]:
        """The counts, the worst first."""
        return dict(zip(SEVERITIES, (self.errors, self.warnings, self.notes), strict=True))

    @property
    def all(self) -> int:
        return self.errors + self.warnings + self.notes

    @property
    def to_mend(self) -> dict[Severity, int]:
        """The number of errors and of warnings, without zeros. Notes need no fix."""
        return {severity: count for severity, count in self.by_severity.items() if count and severity != "note"}

    def down_to(self, severity: str) -> int:
        """Return how many have this severity or worse; 0 for other words."""
        return sum(self.by_severity[one] for one in worst_down_to(severity))

    def __str__(self) -> str:
        """Return errors and warnings in words: "2 errors, 1 warning"."""
        return ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in self.to_mend.items())


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as a sentence lists them: "a, b and c"."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def cut(word: str, longest: int = _LONGEST_WORD) -> str:
    """Return a word of a template as a finding quotes it: its beginning, if it has more letters."""
    return f"{word[:longest]}…" if len(word) > longest else word


def limit_of(cause: BaseException | None) -> str:
    """Return the rule for the limit that an exception reports; empty for other exceptions."""
    match cause:
        case OutOfTime() | EndedBySandbox():
            return "time"
        case MemoryError():
            return "memory"
        case TooLarge():
            return "size"
    return ""


def limit_finding(limit: str, place: Place, message: str = "") -> Finding:
    """Return the finding on a mail. `message`: by default that of the limit."""
    return RULES.finding(place, f"limits/{limit}", message=message)


def reason_of(cause: BaseException | None, message: str) -> str:
    """Return the reason as a sentence, or an empty text where the rule's message says it."""
    if isinstance(cause, MemoryError):
        return ""
    text = str(cause) if isinstance(cause, OutOfTime) else message
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
