"""A mail as the checks see it: rendered, and every character of it with its place in the templates."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from keyturn.emails.gallery import Sample
from keyturn.emails.gallery.placeholders.missing_names import note_missing_names
from keyturn.emails.gallery.sizes import require_sendable
from keyturn.emails.lint.css.cascade import Stylesheets
from keyturn.emails.lint.css.computed_style import Paint, Painter
from keyturn.emails.lint.css.dark_modes import LIGHT
from keyturn.emails.lint.finding import Finding, Place, Rule, Severity
from keyturn.emails.lint.limits import limit_of
from keyturn.emails.lint.markup.authored_html import AuthoredStyle, authored_styles, html_in_mjml
from keyturn.emails.lint.markup.marked_html import mark_html, mark_mjml
from keyturn.emails.lint.markup.mjml_parser import HtmlTag, Parsed, SyntaxFault, parse_mjml
from keyturn.emails.lint.markup.structure import body_of
from keyturn.emails.lint.source.element_lookup import ElementLookup
from keyturn.emails.lint.source.traced_text import Piece, origin_at, pieces_of, undefined_in, with_pieces
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Filled, Rendered
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.html_tree import Element, parse_html
from keyturn.mail.rendering.including import unwrap_includes
from keyturn.mail.rendering.render import Templates


@dataclass(frozen=True, kw_only=True)
class Document:
    """One template with one sample in one language.

    `markup` is the MJML that Jinja makes, or the HTML where `files` say that the template is no MJML. `root` is its
    tree, as tolerant as a browser: its tag is empty and it holds what stands at the top, usually one `mjml` or `html`.
    `html_tags` are the tags in what MJML takes for HTML, `faults` the places where MJML is not well-formed. `html` is
    what is sent. Checks run only on documents that compile; the guard runs on all MJML, and where that does not
    compile `html` is empty and `refusal` is what the compiler said. `values` is what the template was given, and
    `guessed` says that nobody wrote it. `text` is empty where the template has no text part, `subject_file` where no
    file of its own holds the subject: else it is what Jinja makes of that. `missing` are the names that the sample does
    not have: the mail shows a stand-in for each. `undefined` are names that it prints and that the sample lacks,
    where the `engine` goes on without them.
    """

    template: str
    files: MailFiles
    sample: str
    language: Language
    values: Mapping[str, object]
    subject: str
    preheader: str
    markup: str
    html: str
    text: str
    root: Element
    html_tags: tuple[HtmlTag, ...] = ()
    faults: tuple[SyntaxFault, ...] = ()
    refusal: str = ""
    missing: tuple[TemplateInvalid, ...] = ()
    guessed: bool = False
    subject_file: str = ""
    undefined: tuple[tuple[str, Place], ...] = ()
    engine: str = "Jinja"

    @property
    def is_mjml(self) -> bool:
        return self.files.is_mjml

    def finding(self, at: int | Place, rule: Rule, severity: Severity, message: str, fix: str) -> Finding:
        """Return what a check found; `at` is a place, or the offset in `markup` of what it speaks of."""
        return rule.finding(self.place(at) if isinstance(at, int) else at, severity, message, fix)

    def place(self, offset: int) -> Place:
        """Return where in the templates the character of `markup` at `offset` comes from."""
        return self.trail(offset)[0]

    def place_of_drawn(self, element: Element) -> Place:
        """Return where in the templates an element of `drawn` comes from."""
        return self.place(self.lookup.offset_of(element))

    def text_place(self, offset: int) -> Place:
        """Return where in the templates the character of `text` at `offset` comes from."""
        origin = origin_at(pieces_of(self.text), offset)
        return origin.place if origin else Place(self.files.text)

    def subject_place(self, offset: int) -> Place:
        """Return where in the templates the character of `subject_file` at `offset` comes from."""
        origin = origin_at(pieces_of(self.subject_file), offset)
        return origin.place if origin else Place(self.files.subject)

    def trail(self, offset: int) -> tuple[Place, ...]:
        """Return the place of a character of `markup`, then the places that called the macro it stands in."""
        origin = origin_at(pieces_of(self.markup), offset)
        return (origin.place, *origin.via) if origin else (Place(self.files.markup),)

    @property
    def body(self) -> Element:
        """The body, the root where there is none."""
        return (body_of(self.root) if self.is_mjml else self.root.find("body")) or self.root

    def elements(self, *tags: str) -> Iterable[Element]:
        """Return the elements with one of these tags, or all, in the order of their start tags."""
        return (element for element in self.root.walk() if element.tag and (not tags or element.tag in tags))

    def source_inside(self, element: Element) -> str:
        """Return what stands between an element's tags; its first character is at `element.inner.start`."""
        return self.markup[element.inner.start : element.inner.stop]

    @cached_property
    def authored_html(self) -> Element:
        """The tree of the HTML that the author wrote, within the MJML or as a whole page."""
        return html_in_mjml(self.markup, self.root) if self.is_mjml else self.root

    def html_elements(self, *tags: str) -> Iterable[Element]:
        """Return the elements of the author's HTML with one of these tags, or all, in their order."""
        return (one for one in self.authored_html.walk() if one.tag and (not tags or one.tag in tags))

    def authored_styles(self) -> Iterable[AuthoredStyle]:
        return authored_styles(self.markup, self.root, self.authored_html)

    @cached_property
    def marked_html(self) -> str:
        """The HTML with the way back to the MJML.

        A class `kt-NUMBER` is on what each body element draws, and a `data-keyturn="OFFSET"` on each tag of the HTML
        inside mj-text, mj-table, mj-raw ... and on every tag of plain HTML.
        """
        if not self.html:
            return ""
        markup = str(self.markup)
        return mark_mjml(markup, self.root, self.html_tags) if self.is_mjml else mark_html(markup, self.root)

    @cached_property
    def drawn(self) -> Element:
        """The tree of `marked_html`: what a client draws."""
        return parse_html(self.marked_html)

    @cached_property
    def stylesheets(self) -> Stylesheets:
        """The styles of what is drawn."""
        return Stylesheets(self.drawn)

    @cached_property
    def texts_in_light(self) -> tuple[tuple[Element, Paint], ...]:
        """The elements with text of their own that are seen, and how they are drawn in light."""
        return tuple(Painter(self.drawn, LIGHT, self.stylesheets).texts())

    @cached_property
    def lookup(self) -> ElementLookup:
        """The way back from an element of `drawn`."""
        return ElementLookup(self.root, self.body, is_mjml=self.is_mjml)


Check = Callable[[Document], Iterable[Finding]]
"""Looks at one document. What it finds in several samples alike is reported once."""


def read_document(
    templates: Templates, template: str, sample: Sample, language: Language, sent: tuple[Filled, Rendered] | None = None
) -> Document:
    """Return the mail that a sample makes. `templates` must have been prepared by `with_origins`.

    `sent` is the same mail where somebody has compiled it already, with what it was compiled from.

    Raises TemplateInvalid where Jinja cannot render it.
    """
    filled, missing = _fill(templates, template, sample, language)
    files = templates.files(template)
    require_sendable(filled, files, templates.folders)
    markup = filled.markup
    if files.is_mjml:
        markup = with_pieces(unwrap_includes(markup), pieces_of(markup))
    parsed = parse_mjml(markup) if files.is_mjml else Parsed(parse_html(markup))
    refusal = ""
    try:
        mail = sent[1] if sent and sent[0] == filled else templates.compile(template, Filled(*map(str, filled)))
    except TemplateInvalid as error:
        refusal = error.message
        mail = None
    return Document(
        template=template,
        files=files,
        sample=sample.name,
        language=language,
        values=sample.values,
        subject=mail.subject if mail else "",
        preheader=mail.preheader if mail else "",
        markup=markup,
        html=mail.html if mail else "",
        text=_strip(filled.text),
        root=parsed.root,
        html_tags=parsed.html_tags,
        faults=parsed.faults,
        refusal=refusal,
        missing=missing,
        guessed=not sample.is_complete,
        subject_file=filled.subject,
        undefined=tuple(one for each in filled for one in undefined_in(each)) if sample.is_complete else (),
        engine=templates.engine_name,
    )


def _fill(
    templates: Templates, template: str, sample: Sample, language: Language
) -> tuple[Filled, tuple[TemplateInvalid, ...]]:
    with note_missing_names() as missing:
        try:
            return templates.fill(template, sample.values, language), tuple(missing)
        except TemplateInvalid as error:  # it may be what comes of a name that is missing
            first = error if limit_of(error.__cause__) else (missing or [error])[0]
            raise first from error.__cause__


def _strip(text: str) -> str:
    """Do to a text part what is done to the one that is sent."""
    if not text.strip():
        return ""
    blanks = len(text) - len(text.lstrip())
    pieces = [Piece(max(start - blanks, 0), origin) for start, origin in pieces_of(text)]
    return with_pieces(str(text).strip() + "\n", pieces)
