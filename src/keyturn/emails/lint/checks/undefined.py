"""Names that a template prints and that its sample lacks, where its engine prints nothing there and goes on."""

from collections.abc import Iterator
from difflib import get_close_matches

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup

DJANGO_RULES = RuleGroup("django", "undefined")
LIQUID_RULES = RuleGroup("liquid", "undefined")
_RULES = {"Django": DJANGO_RULES, "Liquid": LIQUID_RULES}


def check_undefined(document: Document) -> Iterator[Finding]:
    for name, place in document.undefined:
        yield _RULES[document.engine]["undefined"].finding(
            place, "warning", f"'{name}' is not among the values, so nothing stands there.", _fix(name, document)
        )


def _fix(name: str, document: Document) -> str:
    above, _, last = name.rpartition(".")
    values: object = document.values
    for part in above.split(".") if above else ():
        values = values.get(part) if isinstance(values, dict) else None
    known = [*values] if isinstance(values, dict) else []
    close = get_close_matches(last, known, n=1)
    if close:
        return f"Did you mean {f'{above}.' if above else ''}{close[0]}?"
    return f"The sample {document.sample} lacks it: add it there, give it a default, or do not print it."
