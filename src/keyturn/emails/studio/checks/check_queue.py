"""What the checks say of every mail: found out after a mail was drawn, and kept until one of its files changes."""

import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio.checks.fingerprints import State, states_of
from keyturn.emails.studio.checks.report import Report, Tally
from keyturn.languages import Language

if TYPE_CHECKING:
    from keyturn.emails.studio.checks.examiner import Examiner

# Seconds. Between two moments a save gets its turn.
_MOMENT = 0.1


class _Mail(NamedTuple):
    """`variant` is how it differs from the sample as it is written; empty where it does not."""

    template: str
    sample: str
    language: str
    variant: str = ""


class Checks:
    def __init__(self, gallery: Gallery, clients: tuple[str, ...] = ()) -> None:
        self._gallery = gallery
        self._clients = clients
        self._known: dict[_Mail, tuple[State, Report]] = {}
        self._one_at_a_time = threading.Lock()

    def last(self, template: str, sample: str, language: Language, variant: str = "") -> Report | None:
        """Return what was found last, also if a file has changed since; None where nobody has looked yet."""
        known = self._known.get(_Mail(template, sample, language.tag, variant))
        return known[1] if known else None

    def tallies(self, language: Language) -> Mapping[str, Tally]:
        """Return what is known of each template. What several samples have counts once."""
        found: dict[str, set[Finding]] = {}
        for mail in self._mails(language):
            if known := self._known.get(mail):
                found.setdefault(mail.template, set()).update(known[1].findings)
        return {template: Tally.of(findings) for template, findings in found.items()}

    def check(self, template: str, sample: str, language: Language) -> bool:
        """Check a mail; return False where nothing has changed since it was checked.

        Raises LookupError for a template or a sample that does not exist.
        """
        with self._one_at_a_time:
            states, mail = states_of(self._gallery), _Mail(template, sample, language.tag)
            if not self._is_new(mail, states):
                return False
            with self._gallery.one_look():
                self._examine(mail, language, states)
            return True

    def check_variant(self, template: str, sample: Sample, language: Language, variant: str, brand: str) -> bool:
        """Do what `check` does for a mail that nobody has written: edited, made up, or for another brand.

        Only the last one of a sample is kept: every letter that is typed makes another. Raises LookupError.
        """
        with self._one_at_a_time:
            states, mail = states_of(self._gallery), _Mail(template, sample.name, language.tag, variant)
            if not self._is_new(mail, states):
                return False
            for other in [other for other in self._known if other.variant and other[:2] == mail[:2]]:
                del self._known[other]
            with self._gallery.one_look():
                report = self._examiner.examine_values(template, sample, language, brand)
            self._known[mail] = states.get(template, frozenset()), report
            return True

    def check_more(self, language: Language) -> bool:
        """Check some of the mails that are new; return whether any is left.

        Nothing is checked that nobody waits for: a page asks again for as long as it is there.
        """
        until = monotonic() + _MOMENT
        with self._one_at_a_time:
            states = states_of(self._gallery)
            return self._check_some(language, states, until)

    def _check_some(self, language: Language, states: Mapping[str, State], until: float) -> bool:
        """Check what is new. What changes after `states` were taken is new again next time."""
        with self._gallery.one_look():
            waiting = [mail for mail in self._mails(language) if self._is_new(mail, states)]
            for done, mail in enumerate(waiting, 1):
                self._examine(mail, language, states)
                if monotonic() > until:
                    return done < len(waiting)
        return False

    def _examine(self, mail: _Mail, language: Language, states: Mapping[str, State]) -> None:
        report = self._examiner.examine(mail.template, mail.sample, language)
        self._known[mail] = states.get(mail.template, frozenset()), report

    def _mails(self, language: Language) -> Iterator[_Mail]:
        for entry in self._gallery.entries():
            for sample in entry.samples:
                yield _Mail(entry.name, sample, language.tag)

    def _is_new(self, mail: _Mail, states: Mapping[str, State]) -> bool:
        known = self._known.get(mail)
        return known is None or known[0] != states.get(mail.template)

    @cached_property
    def _examiner(self) -> "Examiner":
        # The checks take longer to load than the studio, and nobody waits for them before the first mail is drawn.
        from keyturn.emails.studio.checks.examiner import Examiner  # noqa: PLC0415

        return Examiner(self._gallery, self._clients)
