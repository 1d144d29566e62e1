"""Texts that lack a translation, and faults of the catalogues."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate, chain

from babel import Locale
from jinja2 import nodes
from jinja2.ext import extract_from_ast
from msgspec.structs import replace

from keyturn.errors import CatalogueInvalid
from keyturn.mail.languages.catalogues import TextKey, catalogue_faults, excerpt
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
    users = defaultdict[TextKey, list[str]](list)
    for template, those in marked.items():
        for text in dict(those):
            users[text].append(template)
    by_file = sorted(chain.from_iterable(marked.values()), key=lambda one: one[1].file)
    texts = dict(reversed(by_file))  # the first place stays
    if not texts:
        return
    everybody = tuple(dict.fromkeys(chain.from_iterable(users.values())))
    used = {file for language in languages for file in language.files}
    faults = list(catalogue_faults(gallery.languages.catalogues))
    faults = [fault for fault in faults if fault.text is None or fault.file in used]
    for fault in faults:
        if fault.text is None or fault.text in texts:
            templates = tuple(users[fault.text]) if fault.text else everybody
            place = Place(gallery.name_of(fault.file.resolve()), fault.line)
            says = fault.message[:1].upper() + fault.message[1:]
            yield replace(
                RULES.finding(place, f"languages/{fault.kind}", fault=says), templates=templates
            )
    doubtful = {(fault.file, fault.text) for fault in faults if fault.kind == "fuzzy"}
    lacking = defaultdict[TextKey, list[Language]](list)
    for language in (one for one in languages if one.files and str(one.locale) != SOURCE_LANGUAGE):
        with suppress(CatalogueInvalid):  # reported with the faults
            translated = language.catalogues.translated_texts(language.locale)
            for text in (one for one in texts if one not in translated):
                if doubtful.isdisjoint((file, text) for file in language.files):
                    lacking[text].append(language)
    for text, without in lacking.items():
        catalogue = gallery.name_of(without[0].files[0].resolve())
        find = partial(
            RULES.finding, texts[text], "languages/untranslated", text=excerpt(text.text)
        )
        named = listed([one.locale.get_display_name(Locale("en")) or one.tag for one in without])
        yield replace(find(languages=named, catalogue=catalogue), templates=tuple(users[text]))


def marked_texts(tree: nodes.Template, source: str, file: str) -> Mapping[TextKey, Place]:
    """Return the texts that a file marks for translation, each with its first place."""
    places: dict[TextKey, Place] = {}
    starts = [*accumulate((len(line) + 1 for line in source.split("\n")), initial=0)]
    for line, function, strings in extract_from_ast(tree, babel_style=False):
        texts = [*map(str, strings or ())]
        context = texts.pop(0) if function in ("pgettext", "npgettext") and texts else ""
        if texts and texts[0]:
            start, words = starts[line - 1], (f'"{texts[0]}"', f"'{texts[0]}'")
            if not (
                found := [at for one in words if (at := source.find(one, start)) >= 0]
            ):  # written in another way
                found = [tag.start() for tag in _TAG.finditer(source, start, starts[line])]
            at = found[0] if found else start
            places.setdefault(TextKey(texts[0], context), Place(file, *line_and_column(source, at)))
    return places
