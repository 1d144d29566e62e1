"""The parts that mails share: files that they include, macros with parameters, and their uses.

A part is rendered alone, with values guessed from its own text, as for a template without samples. It is wrapped in
whatever the compiler needs, with the head of a mail that uses it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from jinja2 import ChoiceLoader, DictLoader, Environment, TemplateError, nodes
from msgspec import Struct

from keyturn.emails.gallery.branches.points import words_of
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.gallery import Gallery
from keyturn.emails.gallery.samples import Sample
from keyturn.emails.gallery.variables.guessed_values import guess
from keyturn.emails.gallery.variables.missing_names import note_faults
from keyturn.emails.gallery.variables.usage import find_variables, parse_template
from keyturn.emails.renderers.limits import OutOfTime
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import to_html

WHOLE = "-"
"""The name of the part that is the whole file. No macro can have it."""


class PartUse(NamedTuple):
    """A line that calls a macro or includes a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Parameter(Struct, frozen=True):
    """A parameter of a macro. `default` is as in the template, None for required ones."""

    name: str
    default: str | None = None


class Part(Struct, frozen=True):
    """A part of a shared file. `takes_content`: it is called with a body (`{% call %}`)."""

    file: str
    name: str
    line: int
    parameters: tuple[Parameter, ...] = ()
    takes_content: bool = False
    uses: tuple[PartUse, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.name == WHOLE

    @property
    def signature(self) -> str:
        """The part as it is declared: "button(label, kind="solid")", or the name of the file."""
        if self.is_whole:
            return self.file
        told = (one.name if one.default is None else f"{one.name}={one.default}" for one in self.parameters)
        return f"{self.name}({', '.join(told)})"

    @property
    def has_options(self) -> bool:
        return any(one.default is not None for one in self.parameters)


def parts_of(gallery: Gallery, file: str) -> list[Part]:
    """Return the parts of a file, used ones first. A file of macros alone is no part itself."""
    environment = gallery.templates.environment(gallery.languages.choose(""))
    tree = _tree(environment, gallery, file)
    if tree is None:
        return []
    uses = _uses(environment, gallery, file)
    macros = [_part(file, node, uses) for node in tree.body if isinstance(node, nodes.Macro)]
    whole = [Part(file, WHOLE, 1, uses=tuple(uses[WHOLE]))] if uses[WHOLE] or not macros else []
    return sorted([*whole, *macros], key=lambda part: (not part.uses, part.line))


def _part(file: str, node: nodes.Macro, uses: Mapping[str, list[PartUse]]) -> Part:
    required = len(node.args) - len(node.defaults)
    parameters = [Parameter(one.name) for one in node.args[:required]]
    parameters += [
        Parameter(one.name, _written(default)) for one, default in zip(node.args[required:], node.defaults, strict=True)
    ]
    called = any(one.name == "caller" for one in node.find_all(nodes.Name))
    return Part(file, node.name, node.lineno, tuple(parameters), called, tuple(uses.get(node.name, ())))


def _written(default: nodes.Expr) -> str:
    if not isinstance(default, nodes.Const):
        return words_of(default)
    return f'"{default.value}"' if isinstance(default.value, str) else str(default.value).lower()


class _Names(NamedTuple):
    """A template's names for a file: imported `modules`, and the names of its `macros` there."""

    modules: frozenset[str]
    macros: Mapping[str, str]


def _uses(environment: Environment, gallery: Gallery, file: str) -> Mapping[str, list[PartUse]]:
    found: defaultdict[str, list[PartUse]] = defaultdict(list)
    files = dict.fromkeys(
        (*(one for name in gallery.names() for one in gallery.files_of(name)), *gallery.shared_files())
    )
    trees = {user: tree for user in files if (tree := _tree(environment, gallery, user))}
    for user, tree in trees.items():
        names = _names_in(environment, trees, user, file, frozenset())
        for name, line in sorted({*_used_whole(environment, tree, user, file), *_called(tree, names)}):
            found[name].append(PartUse(user, line))
    return found


def _names_in(
    environment: Environment, trees: Mapping[str, nodes.Template], user: str, file: str, below: frozenset[str]
) -> _Names:
    """Return the names that `user` has for the file, also by templates that it extends. `below` stops at a circle."""
    tree = trees.get(user)
    if tree is None or user in below:
        return _Names(frozenset(), {})
    modules: set[str] = set()
    macros = {node.name: node.name for node in tree.find_all(nodes.Macro)} if user == file else {}
    named_in: Iterable[Any] = tree.find_all((nodes.Extends, nodes.Import, nodes.FromImport))
    for node in named_in:
        named = {environment.join_path(name, user) for name in _named_by(node.template)}
        match node:
            case nodes.Extends():
                for base in named:
                    inherited = _names_in(environment, trees, base, file, below | {user})
                    modules |= inherited.modules
                    macros = {**inherited.macros, **macros}
            case nodes.Import() if file in named:
                modules.add(node.target)
            case nodes.FromImport() if file in named:
                macros |= {
                    known_as: name for name, known_as in (n if isinstance(n, tuple) else (n, n) for n in node.names)
                }
    return _Names(frozenset(modules), macros)


def _used_whole(environment: Environment, tree: nodes.Template, user: str, file: str) -> Iterator[tuple[str, int]]:
    named_in: Iterable[Any] = tree.find_all((nodes.Include, nodes.Extends))
    for node in named_in:
        if any(environment.join_path(name, user) == file for name in _named_by(node.template)):
            yield WHOLE, node.lineno


def _called(tree: nodes.Template, names: _Names) -> Iterator[tuple[str, int]]:
    for call in tree.find_all(nodes.Call):
        match call.node:
            case nodes.Name(name=name) if name in names.macros:
                yield names.macros[name], call.lineno
            case nodes.Getattr(node=nodes.Name(name=name), attr=macro) if name in names.modules:
                yield macro, call.lineno


def _named_by(named: nodes.Node) -> Iterable[str]:
    constants = (one.value for one in (named, *named.find_all(nodes.Const)) if isinstance(one, nodes.Const))
    return [value for value in constants if isinstance(value, str)]


def _tree(environment: Environment, gallery: Gallery, file: str) -> nodes.Template | None:
    try:
        return parse_template(environment, gallery.source(file), file)
    except (TemplateError, OSError):
        return None


Options = Literal["required", "all"]
"""The parameters to pass: required ones, or all."""

_NAME = "keyturn-part"
_HEAD = re.compile(
    r"<mj-head\b(?:(?!<mj-head\b).)*?</mj-head\s*>|<head\b(?:(?!<head\b).)*?</head\s*>", re.DOTALL | re.IGNORECASE
)
_BODY = re.compile(r"<(?:mj-)?body\b[^<>]*>", re.IGNORECASE)
_FIRST_TAG = re.compile(r"(?>\s+|<!--.*?-->)*+<([\w-]+)", re.DOTALL)
_SECTIONS = frozenset({"mj-section", "mj-wrapper", "mj-hero", "mj-raw"})
_COLUMNS = frozenset({"mj-column", "mj-group"})
_IN_THE_HEAD = re.compile(
    r"mj-(?:head|attributes|style|font|title|preview|breakpoint|all|class|html-attributes)|style|title|meta|link|head"
)
_ROWS = frozenset({"tr", "td", "th", "tbody"})


class PartNotDrawn(Exception):
    """A part cannot be rendered. The message is a sentence for users."""


def draw_part(gallery: Gallery, part: Part, options: Options, users: list[str], language: Language) -> str:
    """Return the HTML of a part alone. `users`: the mails that use it. Raises CannotDraw."""
    try:
        drawn = _fill(gallery, part, options, users, language)
    except (TemplateError, TemplateInvalid) as error:
        raise PartNotDrawn(f"It cannot be rendered alone: {error}.") from error
    except OutOfTime:
        raise
    except Exception as error:  # filters and methods in a template may raise anything
        raise PartNotDrawn(f"It cannot be rendered alone: {type(error).__name__}: {error}.") from error
    return _as_page(gallery, drawn, users, language)


def _fill(gallery: Gallery, part: Part, options: Options, users: list[str], language: Language) -> str:
    if engine := gallery.templates.engine:
        values = {**guess(gallery.variables_in([part.file])), **_given_by(gallery, part, users)}
        return str(engine.render(part.file, {**gallery.templates.globals, **values}, language))
    environment = gallery.renderers(with_lenient_filters)(Sample("", {}, "guessed")).environment(language)
    source = DictLoader({_NAME: _source(part, options)})
    alone = environment.overlay(loader=ChoiceLoader([source, *filter(None, [environment.loader])]))
    values = {**guess(find_variables([_NAME], alone)), **_given_by(gallery, part, users)}
    return alone.get_template(_NAME).render(values)


def _source(part: Part, options: Options) -> str:
    if part.is_whole:
        return f"{{% include {part.file!r} %}}"
    given = [one.name for one in part.parameters if one.default is None or options == "all"]
    call = f"part.{part.name}({', '.join(f'{name}={name}' for name in given)})"
    imported = f"{{% import {part.file!r} as part with context %}}"
    if part.takes_content:
        return f"{imported}{{% call {call} %}}<mj-text>Content</mj-text>{{% endcall %}}"
    return f"{imported}{{{{ {call} }}}}"


def _given_by(gallery: Gallery, part: Part, users: list[str]) -> Mapping[str, Any]:
    for user in users if part.is_whole else ():
        try:
            return next(iter(gallery.samples(user).values())).values
        except (TemplateInvalid, StopIteration):
            continue
    return {}


def _as_page(gallery: Gallery, drawn: str, users: list[str], language: Language) -> str:
    """Return a whole page around the rendered part. Raises PartNotDrawn."""
    tag = found[1].lower() if (found := _FIRST_TAG.match(drawn)) else ""
    if not drawn.strip() or _IN_THE_HEAD.fullmatch(tag):
        raise PartNotDrawn("It renders nothing alone." if not drawn.strip() else "It belongs in the head of a mail.")
    around = _mail_around(gallery, users, language)
    if "<mjml" in drawn[:1000].lower():
        return _compile(drawn)
    if tag in ("html", "!doctype"):
        return drawn
    head, body = (found[0] if (found := pattern.search(around)) else "" for pattern in (_HEAD, _BODY))
    if not (tag.startswith("mj-") or "<mjml" in around[:1000].lower()):
        inner = f"<table>{drawn}</table>" if tag in _ROWS else drawn
        return f"<!doctype html><html>{head}{body or '<body>'}{inner}</body></html>"
    return _compile(f"<mjml>{head}{body or '<mj-body>'}{_in_sections(drawn, tag)}</mj-body></mjml>")


def _in_sections(drawn: str, tag: str) -> str:
    if tag in _SECTIONS:
        return drawn
    if tag in _COLUMNS:
        return f"<mj-section>{drawn}</mj-section>"
    if not tag.startswith("mj-"):
        drawn = f"<mj-table>{drawn}</mj-table>" if tag in _ROWS else f"<mj-text>{drawn}</mj-text>"
    return f"<mj-section><mj-column>{drawn}</mj-column></mj-section>"


def _mail_around(gallery: Gallery, users: list[str], language: Language) -> str:
    """Return the markup of the first mail that uses the part and can be rendered."""
    renderers = gallery.renderers(with_lenient_filters)
    for user in users:
        try:
            sample = next(iter(gallery.samples(user).values()))
            with note_faults():  # only its head is needed
                return str(renderers(sample).fill(user, sample.values, language).markup)
        except (TemplateInvalid, StopIteration):
            continue
    return ""


def _compile(mjml: str) -> str:
    try:
        return to_html(mjml)
    except ValueError as error:
        raise PartNotDrawn(f"MJML cannot compile it alone: {error}.") from error
