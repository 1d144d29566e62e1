"""Whose findings they are: of which templates, where a finding names a file that several share, or a text of theirs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from keyturn.emails.lint.finding import Finding


class TemplatesWith:
    """Tells which templates have a finding.

    `files_of` returns the files that a template is made of. `of_texts` are the templates of findings on texts and
    their catalogues, which stand at one place for all.
    """

    def __init__(
        self, names: Sequence[str], files_of: Callable[[str], Iterable[str]], of_texts: Mapping[Finding, Sequence[str]]
    ) -> None:
        self._names = names
        self._known = frozenset(names)
        self._files_of = files_of
        self._of_texts = {_without_severity(finding): those for finding, those in of_texts.items()}
        self._by_file: dict[str, list[str]] = {}

    def __call__(self, finding: Finding, mails: Iterable[str]) -> tuple[str, ...]:
        """Return the templates that these mails are of; where there are none, by the text or the file it is about."""
        if those := tuple(dict.fromkeys(filter(None, map(self._template_of, mails)))):
            return those
        of_text = self._of_texts.get(_without_severity(finding))
        return tuple(of_text if of_text is not None else self._users(finding.place.file))

    def _template_of(self, mail: str) -> str:
        """Return the template in "template/sample": the longest name that there is, since both may hold slashes."""
        cuts = [at for at, character in enumerate(mail) if character == "/"]
        return next((name for at in (len(mail), *reversed(cuts)) if (name := mail[:at]) in self._known), "")

    def _users(self, file: str) -> list[str]:
        if not self._by_file:
            by_file: dict[str, list[str]] = defaultdict(list)
            for name in self._names:
                for one in self._files_of(name):
                    by_file[one].append(name)
            self._by_file = dict(by_file)
        return self._by_file.get(file, [])


def _without_severity(finding: Finding) -> tuple[object, ...]:
    return finding.rule, finding.message, finding.place
