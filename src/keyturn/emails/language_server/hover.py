"""What an author wants to know of a word: where an element may stand, and which mail clients lack a feature."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from keyturn.emails.language_server.cursor import Cursor
from keyturn.emails.lint.clients.clients import names_of, supports
from keyturn.emails.lint.clients.features import features, of_at_rule, of_declaration, of_mjml, of_selector_part, of_tag
from keyturn.emails.lint.guard import type_in_words
from keyturn.emails.lint.markup.structure import schema


def describe(cursor: Cursor, words: Mapping[str, Any], clients: Sequence[str]) -> str:
    """Return Markdown, or "" if there is nothing to say. `clients`: those whose gaps matter."""
    match cursor.kind:
        case "element" | "closing":
            return "\n\n".join([*_element(cursor.written), *_gaps(_of_element(cursor.written), clients)])
        case "attribute" | "value":
            name, value = (cursor.attribute, cursor.written) if cursor.attribute else (cursor.written, "")
            takes = type_in_words(words["elements"].get(cursor.element, {}).get("attributes", {}).get(name, ""))
            features_of_it = (*of_mjml(cursor.element, name), *of_declaration(name, value))
            return "\n\n".join([*([f"`{name}` takes {takes}."] if takes else []), *_gaps(features_of_it, clients)])
        case "declaration":
            return "\n\n".join(_gaps(of_declaration(cursor.property, cursor.written), clients))
        case "pseudo":
            return "\n\n".join(_gaps(of_selector_part(cursor.written), clients))
        case "at-rule":
            return "\n\n".join(_gaps(of_at_rule(cursor.written), clients))
    return ""


def _element(name: str) -> Iterator[str]:
    rules = schema().elements.get(name)
    if rules is None:
        return
    if parents := schema().parents[name]:
        yield f"**{name}** stands in {', '.join(parents)}."
    if rules.children:
        yield f"It may have {', '.join(rules.children)}."
    elif rules.ending_tag:
        yield "It has text or HTML."


def _of_element(name: str) -> Iterable[str]:
    return of_mjml(name) if name.startswith("mj") else (slug for slug, attribute in of_tag(name, {}) if not attribute)


def _gaps(found: Iterable[str], clients: Sequence[str]) -> Iterator[str]:
    """Yield for each feature who lacks it, as Can I email says."""
    for slug in dict.fromkeys(found):
        support, feature = supports()[slug], features()[slug]
        lacking, partly = (
            [client for client in support.clients_that(verdict) if client in clients] for verdict in ("no", "partial")
        )
        said = [f"{feature.effect} in {names_of(lacking)}"] if lacking else []
        said += [f"in part in {names_of(partly)}"] if partly else []
        yield (
            f"**{support.title}**: {'; '.join(said) or 'works in the mail clients that are checked'}. "
            + (f"{feature.fix} " if said and feature.fix else "")
            + f"([Can I email](https://www.caniemail.com/features/{slug}/), tested {support.tested[:7]})"
        )
