"""A mail as the checks see it: rendered, and every character of it with its place in the templates."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.lint.element import Element, SyntaxFault
from keyturn.lint.finding import Finding, Place
from keyturn.lint.marking import marked, number_in
from keyturn.lint.parsing import parse
from keyturn.lint.traced import Piece, origin_at, pieces_of, with_pieces
from keyturn.mail.render import Templates


@dataclass(frozen=True, kw_only=True)
class Document:
    """One template with one sample in one language.

    `root` is the tree of the MJML, as tolerant as a browser: its tag is empty and it holds what stands at the top,
    usually one `mjml`. `faults` are the places where it is not well-formed. `html` is what is sent. Checks run only on
    documents that compile; the guard runs on all, and there `html` is empty and `refusal` is what the compiler said.
    `values` is what the template was given; `typed` tells that typed props describe them. `text` is empty where the
    template has no text part.
    """

    template: str
    sample: str
    language: Language
    values: Mapping[str, object]
    typed: bool
    subject: str
    preheader: str
    mjml: str
    html: str
    text: str
    root: Element
    faults: tuple[SyntaxFault, ...] = ()
    refusal: str = ""

    def place(self, offset: int) -> Place:
        """Return where in the templates the character of `mjml` at `offset` comes from."""
        return self.trail(offset)[0]

    def text_place(self, offset: int) -> Place:
        """Return where in the templates the character of `text` at `offset` comes from."""
        origin = origin_at(pieces_of(self.text), offset)
        return origin.place if origin else Place(f"{self.template}/{self.template}.txt")

    def trail(self, offset: int) -> tuple[Place, ...]:
        """Return the place of a character of `mjml`, then the places that called the macro it stands in."""
        origin = origin_at(pieces_of(self.mjml), offset)
        return (origin.place, *origin.via) if origin else (Place(f"{self.template}/{self.template}.mjml"),)

    def elements(self, *tags: str) -> Iterable[Element]:
        """Return the elements with one of these tags, or all, in the order of their start tags."""
        return (element for element in self.root.walk() if element.tag and (not tags or element.tag in tags))

    def inside(self, element: Element) -> str:
        """Return what stands between an element's tags; its first character is at `element.inner.start`."""
        return self.mjml[element.inner.start : element.inner.stop]

    @cached_property
    def marked_html(self) -> str:
        """The HTML with the way back to the MJML.

        A class `kt-NUMBER` is on what each body element draws, and a `data-keyturn="OFFSET"` on each tag of the HTML
        inside mj-text, mj-table, mj-raw ...
        """
        return marked(str(self.mjml), self.root) if self.html else ""

    def element_of_class(self, name: str) -> Element | None:
        """Return the element that a class of `marked_html` stands for; None for any other class."""
        number = number_in(name)
        return next((element for element in self.elements() if element.number == number), None)


Check = Callable[[Document], Iterable[Finding]]
"""Looks at one document. What it finds in several samples alike is reported once."""


def read_document(
    templates: Templates, template: str, sample: str, values: Mapping[str, object], language: Language, *, typed: bool
) -> Document:
    """Return the mail that the values make. `templates` must have been prepared by `with_origins`.

    Raises TemplateInvalid where Jinja cannot render it.
    """
    mjml = templates.fill_file(f"{template}/{template}.mjml", values, language)
    text_file = f"{template}/{template}.txt"
    text = templates.fill_file(text_file, values, language) if (templates.folder / text_file).is_file() else ""
    parsed = parse(mjml)
    refusal = ""
    try:
        mail = templates.compile(template, str(mjml), str(text))
    except TemplateInvalid as error:
        refusal = error.message
        mail = None
    return Document(
        template=template,
        sample=sample,
        language=language,
        values=values,
        typed=typed,
        subject=mail.subject if mail else "",
        preheader=mail.preheader if mail else "",
        mjml=mjml,
        html=mail.html if mail else "",
        text=_stripped(text),
        root=parsed.root,
        faults=parsed.faults,
        refusal=refusal,
    )


def _stripped(text: str) -> str:
    """Do to a text part what is done to the one that is sent."""
    if not text.strip():
        return ""
    blanks = len(text) - len(text.lstrip())
    pieces = [Piece(max(start - blanks, 0), origin) for start, origin in pieces_of(text)]
    return with_pieces(str(text).strip() + "\n", pieces)
