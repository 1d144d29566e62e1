"""Texts that lack a translation, and faults of the catalogues."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from babel import Locale
from jinja2 import nodes
from jinja2.ext import extract_from_ast
from msgspec.structs import replace

from keyturn.errors import CatalogueInvalid
from keyturn.mail.languages.catalogues import CatalogueFault, TextKey, catalogue_faults, excerpt
from keyturn.mail.languages.language import SOURCE_LANGUAGE, Language
from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.finding import Finding, Place, line_and_column, listed
from keyturn.studio.lint.rules import RULES

_TAG = re.compile(r"\{\{|\{%[-+]?\s*trans\b")


def findings_on_texts(
    gallery: Gallery,
    marked: Mapping[str, Iterable[tuple[TextKey, Place]]],
    languages: Sequence[Language],
) -> Iterator[Finding]:
    """Yield the texts that lack a translation, and faults of catalogues.

    `marked`: the texts of each template.
    """
    users = defaultdict[TextKey, dict[str, None]](dict)
    places: dict[TextKey, Place] = {}
    for template, texts in marked.items():
        for text, place in texts:
            users[text][template] = None
            places[text] = min(place, places.get(text, place))
    if not users:
        return
    faults = _faults_in_use(gallery, languages)
    for fault in faults:
        templates = _templates_with(fault.text, users)
        if templates:
            place = Place(gallery.name_of(fault.file.resolve()), fault.line)
            says = fault.message[:1].upper() + fault.message[1:]
            finding = RULES.finding(place, f"languages/{fault.kind}", fault=says)
            yield replace(finding, templates=templates)
    for text, lacking in _untranslated(places, languages, faults).items():
        names = [one.locale.get_display_name(Locale("en")) or one.tag for one in lacking]
        finding = RULES.finding(
            places[text],
            "languages/untranslated",
            text=excerpt(text.text),
            languages=listed(names),
            catalogue=gallery.name_of(lacking[0].files[0].resolve()),
        )
        yield replace(finding, templates=_templates_with(text, users))


def _faults_in_use(gallery: Gallery, languages: Iterable[Language]) -> Sequence[CatalogueFault]:
    """Return the faults of the catalogues that these languages read, and those of other kinds."""
    used = set(chain.from_iterable(language.files for language in languages))
    faults = catalogue_faults(gallery.languages.catalogues)
    return [fault for fault in faults if fault.text is None or fault.file in used]


def _templates_with(
    text: TextKey | None, users: Mapping[TextKey, Iterable[str]]
) -> tuple[str, ...]:
    """Return the templates that mark a text; for None, those that mark any."""
    if text is None:
        return tuple(dict.fromkeys(chain.from_iterable(users.values())))
    return tuple(users.get(text, ()))


def _untranslated(
    texts: Collection[TextKey], languages: Iterable[Language], faults: Sequence[CatalogueFault]
) -> Mapping[TextKey, Sequence[Language]]:
    """Return the texts that some languages lack, with these languages."""
    lacking = defaultdict[TextKey, list[Language]](list)
    for language in languages:
        if language.files and str(language.locale) != SOURCE_LANGUAGE:
            for text in _missing_in(language, texts, faults):
                lacking[text].append(language)
    return lacking


def _missing_in(
    language: Language, texts: Iterable[TextKey], faults: Iterable[CatalogueFault]
) -> Sequence[TextKey]:
    """Return the texts that a language lacks. A doubtful translation has a finding of its own."""
    try:
        known = language.catalogues.translated_texts(language.locale)
    except CatalogueInvalid:  # which is among the faults
        return []
    fuzzy = (fault for fault in faults if fault.kind == "fuzzy")
    doubtful = {fault.text for fault in fuzzy if fault.file in language.files}
    return [text for text in texts if text not in known and text not in doubtful]


def marked_texts(tree: nodes.Template, source: str, file: str) -> Mapping[TextKey, Place]:
    """Return the texts that a file marks for translation, each with its first place."""
    places: dict[TextKey, Place] = {}
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for number, function, strings in extract_from_ast(tree, babel_style=False):
        texts = list(map(str, strings or ()))
        context = ""
        if function in ("pgettext", "npgettext") and texts:
            context = texts.pop(0)
        if texts and texts[0]:
            offset = _offset_of(texts[0], source, starts[number - 1], starts[number])
            place = Place(file, *line_and_column(source, offset))
            places.setdefault(TextKey(texts[0], context), place)
    return places


def _offset_of(text: str, source: str, start: int, stop: int) -> int:
    """Return where a text is written, in or below the line between `start` and `stop`."""
    for quoted in (f'"{text}"', f"'{text}'"):
        offset = source.find(quoted, start)
        if offset >= 0:
            return offset
    tag = _TAG.search(source, start, stop)  # that writes it in another way
    return tag.start() if tag else start
