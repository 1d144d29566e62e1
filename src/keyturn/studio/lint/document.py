"""A mail as the checks see it: rendered, with the place of every character in the templates."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.language import SOURCE_LANGUAGE, Language, Languages
from keyturn.mail.rendering.compiling import Filled, Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.html_tree import Element, SyntaxFault, parse_html, parse_markup
from keyturn.mail.rendering.included_heads import parts_in_order
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Sample
from keyturn.studio.gallery.naming import require_sendable
from keyturn.studio.gallery.variables.made_up import marking
from keyturn.studio.gallery.variables.missing_names import note_faults
from keyturn.studio.lint.css.cascade import Stylesheets
from keyturn.studio.lint.css.colours import LIGHT
from keyturn.studio.lint.css.computed_style import Paint, Painter
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.markup.marked_html import compile_with_marks, mark_html, source_marks
from keyturn.studio.lint.markup.structure import TEXT_ALONE, body_of
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.traced_text import (
    follow,
    made_up_in,
    rearranged,
    trace_data,
    trail_at,
)

Part = Literal["markup", "text", "subject"]


class RenderedFile(NamedTuple):
    """What a file of a mail renders, and the file."""

    rendered: str
    file: str


class AuthoredStyle(NamedTuple):
    """A stylesheet of the author.

    `offset`: where it begins in the markup. `is_inlined`: its rules become style attributes.
    """

    css: str
    offset: int
    is_inlined: bool


@dataclass(frozen=True, kw_only=True)
class Document:
    """A template with a sample in a language.

    Checks run on documents that compile, the guard on all MJML.

    `mail`: as it is sent; empty if the MJML does not compile. `refusal` is then the compiler's
    message.
    `markup`: the MJML that the engine renders, or the HTML of a template that is no MJML. `root`:
    its tree.
    `marked_html`: the HTML with marks (`compile_with_marks`) that lead back to the markup.
    `text`, `subject`: empty if they have no file of their own.
    `missing`: names that the sample lacks, and other parts that failed; the mail shows a stand-in
    for each.
    `undefined`: names that the sample lacks and that the engine prints as nothing.
    """

    template: str
    files: MailFiles
    sample: Sample
    language: Language
    mail: Rendered
    markup: str
    marked_html: str
    text: str
    root: Element
    faults: tuple[SyntaxFault, ...] = ()
    refusal: str = ""
    missing: tuple[TemplateInvalid, ...] = ()
    subject: str = ""
    undefined: tuple[tuple[str, Place], ...] = ()
    engine: str = "Jinja"

    def finding(
        self,
        at: int | Place,
        rule: str,
        case: str = "",
        *,
        rests_on: Iterable[range] | None = None,
        **words: Any,
    ) -> Finding:
        """Make a finding, as `Rules.finding` does. `at` is a place, or an offset in `markup`.

        No error rests on a value that Keyturn made up: a warning names that instead. `rests_on`:
        the ranges of the markup that decide, by default the tag or attribute there.
        """
        place = self.place(at) if isinstance(at, int) else at
        found = RULES.finding(place, rule, case, **words)
        if found.severity != "error" or self.sample.is_complete:
            return found
        if rests_on is None:
            rests_on = self._ranges_at(at)
        for where in rests_on:
            for name in self.made_up(where):
                return self.made_up_finding(place, name)
        return found

    def _ranges_at(self, at: int | Place) -> Sequence[range]:
        """Return the range of the tag or attribute at an offset; none for a place."""
        if not isinstance(at, int):
            return ()
        return [self._ranges.get(at, range(at, at + 1))]

    @cached_property
    def _ranges(self) -> dict[int, range]:
        """The ranges of names of tags, and of attributes, by their offsets and those of their
        values.
        """
        ranges: dict[int, range] = {}
        for element in self.root.walk():
            ranges[element.offset] = range(element.offset, element.behind_name)
            for attribute in element.attributes.values():
                written = range(attribute.offset, attribute.end)
                ranges[attribute.offset] = written
                ranges[attribute.value_offset] = written
        return ranges

    def made_up(self, where: range) -> Iterator[str]:
        """Yield the variables whose made-up values are in a range of the markup."""
        for _, _, name in made_up_in(self.markup, where.start, where.stop):
            yield name

    def made_up_finding(self, place: Place, name: str) -> Finding:
        return RULES.finding(place, "unchecked/made-up", name=name)

    def texts_of_values(self) -> Iterator[str]:
        """Yield the texts among the values of the sample, also those in lists and mappings."""
        return _texts_in(self.sample.values)

    def has_in_values(self, text: str) -> bool:
        """Tell whether a value of the sample holds a text, which then is not the template's."""
        return any(text in value for value in self.texts_of_values())

    @cached_property
    def files_by_part(self) -> Mapping[Part, RenderedFile]:
        return {
            "markup": RenderedFile(self.markup, self.files.markup),
            "text": RenderedFile(self.text, self.files.text),
            "subject": RenderedFile(self.subject, self.files.subject),
        }

    def place(self, offset: int, part: Part = "markup") -> Place:
        """Return the place in the templates of a character of a part."""
        of_part = self.files_by_part[part]
        return trail_at(of_part.rendered, offset, of_part.file)[0]

    def trail(self, offset: int) -> tuple[Place, ...]:
        """Return the place of a character of `markup`, then the calls of its macro."""
        return trail_at(self.markup, offset, self.files.markup)

    @property
    def body(self) -> Element:
        """The body, or the root if there is none."""
        body = body_of(self.root) if self.files.is_mjml else self.root.find("body")
        return body or self.root

    def elements(self, *tags: str) -> Iterator[Element]:
        """Yield the elements of the MJML, or of plain HTML, in order: those with one of these tags,
        or all.
        """
        for element in self.root.walk():
            if not element.holder and (not tags or element.tag in tags):
                yield element

    def html_elements(self, *tags: str) -> Iterator[Element]:
        """Yield the elements of the author's HTML, also of that in MJML, with one of these tags, or
        all.
        """
        for element in self.root.walk():
            is_html = not element.tag.startswith("mj")
            if element.holder:
                is_html = element.holder.tag not in TEXT_ALONE
            if is_html and (not tags or element.tag in tags):
                yield element

    def authored_styles(self) -> Iterator[AuthoredStyle]:
        for element in (*self.elements("mj-style"), *self.html_elements("style")):
            inner = element.inner
            css = self.markup[inner.start : inner.stop]
            yield AuthoredStyle(css, inner.start, element.get("inline") == "inline")

    @cached_property
    def compiled(self) -> Element:
        """The tree of `marked_html`, which a client renders."""
        return parse_html(self.marked_html)

    @cached_property
    def stylesheets(self) -> Stylesheets:
        """The stylesheets of `compiled`."""
        return Stylesheets(self.compiled)

    @cached_property
    def texts_in_light(self) -> tuple[tuple[Element, Paint], ...]:
        """The visible elements with text of their own, and their look in light."""
        return tuple(Painter(self.compiled, LIGHT, self.stylesheets).texts())

    @cached_property
    def text_size(self) -> float:
        """The size of most letters in px, or 0 without any."""
        letters = Counter[float]()
        for node, paint in self.texts_in_light:
            letters[paint.size] += sum(len(text.text) for text in node.texts)
        return max(letters, key=letters.__getitem__, default=0)

    def offset_of(self, node: Element) -> int:
        """Return where the source of an element of `compiled` is, or else of what renders it, or of
        the body.
        """
        for offset in self._source_offsets(node):
            return offset
        return self.body.offset

    def sources_of(self, node: Element) -> Iterator[Element]:
        """Yield the elements of the markup that render an element of `compiled` and those around
        it.
        """
        for offset in self._source_offsets(node):
            if offset in self._elements:
                yield self._elements[offset]

    def _source_offsets(self, node: Element) -> Iterator[int]:
        """Yield the offsets that the marks of an element and of those around it name."""
        for above in (node, *node.ancestors()):
            for mark in source_marks(above):
                offset = mark.offset
                if offset is None:
                    offset = self._offsets.get(mark.number)
                if offset is not None:
                    yield offset

    @cached_property
    def _offsets(self) -> dict[int, int]:
        """The offsets of elements by their numbers."""
        return {element.number: element.offset for element in self.root.walk()}

    @cached_property
    def _elements(self) -> dict[int, Element]:
        """The elements by their offsets."""
        return {element.offset: element for element in self.root.walk()}


def _texts_in(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts_in(inner)


# Returns findings; equal ones in several samples are reported once.
Check = Callable[[Document], Iterable[Finding]]


def read_document(
    templates: Templates, template: str, sample: Sample, language: Language
) -> Document:
    """Render a mail from a sample.

    `templates` must be prepared by `with_origins` or `with_lenient_origins`. Raises
    TemplateInvalid.
    """
    files = templates.files(template)
    with note_faults() as missing, marking(sample):
        try:
            filled = templates.fill(template, sample.values, language)
            require_sendable(filled, files, templates.folders)
        except TemplateInvalid as error:
            error.others = tuple(missing)
            raise
    markup = filled.markup
    if files.is_mjml:
        markup = rearranged(markup, parts_in_order(markup))
    root, faults = parse_markup(markup, is_mjml=files.is_mjml)
    compiled = _compile(templates, template, filled, root)
    undefined: list[tuple[str, Place]] = []
    if sample.is_complete:
        for file in filled:
            undefined += getattr(file, "undefined", ())
    return Document(
        template=template,
        files=files,
        sample=sample,
        language=language,
        mail=compiled.mail,
        markup=markup,
        marked_html=compiled.marked_html,
        text=follow(filled.text, f"{filled.text.strip()}\n".lstrip()),  # as it is sent
        root=root,
        faults=faults,
        refusal=compiled.refusal,
        missing=tuple(missing),
        subject=filled.subject,
        undefined=tuple(undefined),
        engine=templates.engine.name if templates.engine else "Jinja",
    )


class _Compiled(NamedTuple):
    """A compiled mail and its HTML with marks, both empty if the compiler refuses the MJML.

    `refusal`: the compiler's message.
    """

    mail: Rendered
    marked_html: str
    refusal: str = ""


def _compile(templates: Templates, template: str, filled: Filled, root: Element) -> _Compiled:
    """Compile a mail; MJML once for both kinds of HTML."""
    marked = ""

    def compile_mjml(mjml: str) -> str:
        nonlocal marked
        html, marked = compile_with_marks(mjml, root)
        return html

    try:
        mail = templates.compile(template, filled, compile_mjml)
    except TemplateInvalid as error:
        empty = Rendered(subject="", preheader="", html="", text="", mjml="")
        return _Compiled(empty, "", error.message)
    if mail.html and not marked:
        marked = mark_html(mail.html, root)
    return _Compiled(mail, marked)


# In the places of findings on a sent mail, instead of files.
HTML = "HTML"
TEXT = "text"


def sent_document(html: str, text: str = "", subject: str = "") -> Document:
    """Return a mail that an app has sent, without templates."""
    root = parse_html(html)
    return Document(
        template="",
        files=MailFiles(HTML, TEXT),
        sample=Sample("", {}),
        language=Languages("UTC").choose(SOURCE_LANGUAGE),
        mail=Rendered(subject=subject, preheader="", html=html, text=text, mjml=""),
        markup=trace_data(html, HTML, 1, 1),
        marked_html=mark_html(html, root),
        text=trace_data(text, TEXT, 1, 1),
        root=root,
    )
