"""The templates of a folder in Liquid: found by the names of partials, read, and kept while they are unchanged."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, NamedTuple

from jinja2 import nodes
from liquid import BoundTemplate, Environment
from liquid.ast import Node
from liquid.builtin.expressions import Filter, FilteredExpression
from liquid.builtin.expressions.primitive import FloatLiteral, IntegerLiteral
from liquid.exceptions import LiquidError, TemplateNotFoundError
from liquid.loader import BaseLoader, TemplateSource
from liquid.token import Token

from keyturn.emails.engines.liquid.decisions import note_decisions
from keyturn.emails.engines.liquid.environment import LiquidEnvironment, UnknownTagNode
from keyturn.emails.engines.liquid.trees import read_tree
from keyturn.emails.gallery.naming import files_meant_by
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.including import with_includes
from keyturn.plain_files import leads_out

_ENDINGS = (
    "",
    ".liquid",
    ".html.liquid",
    ".mjml.liquid",
    ".txt.liquid",
    ".liquid.mjml",
    ".liquid.html",
    ".mjml",
    ".html",
)
_PLACES = ("", "snippets/", "partials/", "_includes/", "includes/", "sections/", "blocks/")
_DIVISIONS = ("divided_by", "modulo")


class Parsed(NamedTuple):
    """A template that was read: by Liquid, and in Jinja's terms.

    `filters` are the tokens of all that it uses, `unknown_tags` those of tags that there are not. At
    `zero_divisions` start the filters that divide by a zero that stands there, and what they stand in.
    """

    source: str
    template: BoundTemplate
    tree: nodes.Template
    filters: tuple[Token, ...]
    unknown_tags: tuple[Token, ...]
    zero_divisions: frozenset[int]


class LinkLeadsOut(LiquidError):
    """A template would be read through a link from outside of what is allowed."""


class LiquidTemplates:
    """Reads templates by their names. Links may lead nowhere out of the `bounds`.

    `drafts` are files with a text that nobody has saved.
    """

    def __init__(self, folder: Path, bounds: Path | None, drafts: Mapping[str, str] = {}) -> None:
        self.folder = folder
        self._drafts = drafts
        self.environment = LiquidEnvironment(_Loader(self))
        self._bounds = bounds
        self._known: dict[str, tuple[tuple[int, int], Parsed]] = {}

    def get(self, file: str) -> Parsed:
        """Return a template as it is on the disk now. Raises LiquidError, OSError, UnicodeDecodeError."""
        path = self.folder / file
        if leads_out(path, self._bounds):
            raise LinkLeadsOut("it is a link that leads out of the folder, and is not read", token=None)
        found = path.stat()
        state = (found.st_mtime_ns, found.st_size)
        if file not in self._known or self._known[file][0] != state:
            self._known[file] = state, self._parse(file, path)
        return self._known[file][1]

    def with_draft(self, file: str, text: str) -> "LiquidTemplates":
        """Return the same templates, of which one has this text."""
        return LiquidTemplates(self.folder, self._bounds, {**self._drafts, file: text})

    def find(self, name: str, by: str) -> str | None:
        """Return the file that a template means by a name; None where there is none, or it lies beyond the folder."""
        meant = map(normpath, partials_meant_by(name, by))
        return next((file for file in meant if not file.startswith("..") and (self.folder / file).is_file()), None)

    def file_of(self, source: str) -> str:
        """Return which file this very text was read from, and no equal one; empty where nobody has read it."""
        return next((file for file, (_, parsed) in self._known.items() if parsed.source is source), "")

    def tree(self, file: str) -> nodes.Template:
        """Return a template in Jinja's terms. Raises TemplateInvalid."""
        try:
            return self.get(file).tree
        except (LiquidError, OSError, UnicodeDecodeError) as error:
            raise TemplateInvalid(str(self.folder / file), None, str(getattr(error, "message", error))) from error

    def _parse(self, file: str, path: Path) -> Parsed:
        text = self._drafts[file] if file in self._drafts else path.read_text("utf-8")
        source = re.sub(r"\r\n?", "\n", text)
        source = with_includes(source, file, lambda places, gap: f"{{% include '{places[0]}'{gap} %}}", unless="{{")
        template = self.environment.from_string(source, name=PurePosixPath(file).name, path=file)
        tree = read_tree(template.nodes)
        note_decisions(tree, file)
        inside = list(_walk(template.nodes))
        uses = [(node, one) for node in inside for one in _filters_of(node)]
        dividing = [(node.token, one.token) for node, one in uses if _divides_by_zero(one)]
        return Parsed(
            source,
            template,
            tree.template,
            filters=tuple(one.token for _, one in uses),
            unknown_tags=tuple(node.token for node in inside if isinstance(node, UnknownTagNode)),
            zero_divisions=frozenset(token.start_index for tokens in dividing for token in tokens),
        )


class _Loader(BaseLoader):
    """Hands python-liquid the partials that a template names."""

    def __init__(self, templates: LiquidTemplates) -> None:
        self._templates = templates

    def load(self, env: Environment, name: str, *, context: Any = None, **_: Any) -> BoundTemplate:  # noqa: ARG002 - its own
        file = self._templates.find(name, str(context.template.path) if context else "")
        if file is None:
            raise TemplateNotFoundError(name, token=None)
        return self._templates.get(file).template

    def get_source(self, env: Environment, template_name: str, **_: Any) -> TemplateSource:  # noqa: ARG002 - its own
        raise TemplateNotFoundError(template_name, token=None)


def partials_meant_by(name: str, by: str) -> Iterator[str]:
    """Yield the files that a template may mean by a partial's name: with and without endings, places and `_`."""
    above, _, last = name.rpartition("/")
    named = [name] if last.startswith("_") else [name, f"{above}/_{last}" if above else f"_{last}"]
    for ending in _ENDINGS:
        for place in _PLACES:
            for one in named:
                yield from files_meant_by(f"{place}{one}{ending}", by)


def _walk(parsed: Iterable[Node]) -> Iterator[Node]:
    for node in parsed:
        yield node
        yield from _walk(node.children(None, include_partials=False))  # type: ignore[arg-type]  # for partials alone


def _filters_of(node: Node) -> Iterator[Filter]:
    for expression in node.expressions():
        if isinstance(expression, FilteredExpression):
            yield from expression.filters or ()


def _divides_by_zero(used: Filter) -> bool:
    by = getattr(used.args[0], "value", None) if used.name in _DIVISIONS and used.args else None
    return isinstance(by, IntegerLiteral | FloatLiteral) and by.value == 0
