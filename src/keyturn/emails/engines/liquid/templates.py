"""The templates of a folder in Liquid: found by the names of partials, parsed, and cached while unchanged.

python-liquid is used with limits, strict about its own syntax, and lenient about additions of hosts.
"""

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
from liquid.exceptions import LiquidError, LiquidSyntaxError, TemplateNotFoundError
from liquid.loader import BaseLoader, TemplateSource
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, TOKEN_ILLEGAL, TOKEN_TAG, Token

from keyturn.emails.engines.liquid.tracing import NamedUndefined, TracedContext, TracedStream, traced
from keyturn.emails.engines.liquid.trees import note_decisions, read_tree
from keyturn.emails.gallery.naming import files_meant_by
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.emails.lint.source.traced_text import keep_origins
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.jinja import with_includes
from keyturn.plain_files import leads_out

_WITHIN_OTHERS = frozenset({"else", "elsif", "when"})


class TracedTemplate(BoundTemplate):
    context_class = TracedContext

    def _get_buffer(self) -> TracedStream:
        return TracedStream()


class LiquidEnvironment(Environment):
    """Parses and renders templates of a folder. Unknown tags and filters have no effect.

    The limits are far beyond any mail; exceeding one is an error of its own.
    """

    template_class = TracedTemplate
    block_nesting_limit = 100
    context_depth_limit = 30
    loop_iteration_limit = 100_000
    local_namespace_limit = 10 * LARGEST
    output_stream_limit = LARGEST

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(loader=loader, undefined=NamedUndefined, strict_filters=False)
        self.filters = {name: keep_origins(function) for name, function in self.filters.items()}
        self.known_tags = frozenset(self.tags)
        self.tags = {name: _placed(tag) for name, tag in self.tags.items()}
        self.tags[TOKEN_ILLEGAL] = _UnknownTag(self)


class UnknownTagNode(Node):
    """An unknown tag, which renders nothing."""

    def render_to_output(self, _: Any, __: Any) -> int:
        return 0


class _UnknownTag(Tag):
    """Parses an unknown tag. A stray `else` or end tag is an error."""

    name = TOKEN_ILLEGAL
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.expect(TOKEN_TAG)
        if stream.peek.kind == TOKEN_EXPRESSION:
            next(stream)
        environment: Any = self.env
        if token.value in _WITHIN_OTHERS or token.value.removeprefix("end") in environment.known_tags:
            raise LiquidSyntaxError(f"{{% {token.value} %}} has no opening tag", token=token)
        return UnknownTagNode(token)


def _placed(tag: Any) -> Tag:
    """Make a tag create nodes with places, and report an unclosed tag at its start."""
    if hasattr(tag, "node_class"):
        tag.node_class = traced(tag.node_class)
    parse, end = tag.parse, getattr(tag, "end", "")

    def parse_or_tell(stream: TokenStream) -> Node:
        opened = stream.current
        try:
            node: Node = parse(stream)
        except LiquidError as error:
            if error.token is None or error.token.start_index < 0:  # the end of the file, or of the expression
                is_unclosed = bool(end) and stream.current.start_index < 0
                message = f"{{% {opened.value} %}} is never closed: {{% {end} %}} is missing"
                raise LiquidSyntaxError(message if is_unclosed else str(error.message), token=opened) from error
            raise
        return node

    tag.parse = parse_or_tell
    made: Tag = tag
    return made


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


class LiquidTemplate(NamedTuple):
    """A parsed template, also as Jinja's syntax tree.

    `filters`: the tokens of its filters. `unknown_tags`: the tokens of unknown tags. `zero_divisions`: offsets of
    filters that divide by a literal zero, and of their nodes.
    """

    source: str
    template: BoundTemplate
    tree: nodes.Template
    filters: tuple[Token, ...]
    unknown_tags: tuple[Token, ...]
    zero_divisions: frozenset[int]


class LinkLeadsOut(LiquidError):
    """A template is a link that leads out of the bounds."""


class LiquidTemplates:
    """Reads templates by their names. Links may not lead out of the `bounds`. `drafts`: unsaved texts of files."""

    def __init__(self, folder: Path, bounds: Path | None, drafts: Mapping[str, str] = {}) -> None:
        self.folder = folder
        self._drafts = drafts
        self.environment = LiquidEnvironment(_Loader(self))
        self._bounds = bounds
        self._known: dict[str, tuple[tuple[int, int], LiquidTemplate]] = {}

    def get(self, file: str) -> LiquidTemplate:
        """Return the current template of a file. Raises LiquidError, OSError, UnicodeDecodeError."""
        path = self.folder / file
        if leads_out(path, self._bounds):
            raise LinkLeadsOut("it is a link to a file outside the folder, which Keyturn does not read", token=None)
        found = path.stat()
        state = (found.st_mtime_ns, found.st_size)
        if file not in self._known or self._known[file][0] != state:
            self._known[file] = state, self._parse(file, path)
        return self._known[file][1]

    def with_draft(self, file: str, text: str) -> "LiquidTemplates":
        return LiquidTemplates(self.folder, self._bounds, {**self._drafts, file: text})

    def find(self, name: str, by: str) -> str | None:
        """Return the file in the folder that a template means by a name, or None."""
        meant = map(normpath, partials_meant_by(name, by))
        return next((file for file in meant if not file.startswith("..") and (self.folder / file).is_file()), None)

    def file_of(self, source: str) -> str:
        """Return the file of this very string, compared by identity; empty if unknown."""
        return next((file for file, (_, parsed) in self._known.items() if parsed.source is source), "")

    def tree(self, file: str) -> nodes.Template:
        """Return a template as Jinja's syntax tree. Raises TemplateInvalid."""
        try:
            return self.get(file).tree
        except (LiquidError, OSError, UnicodeDecodeError) as error:
            raise TemplateInvalid(str(self.folder / file), None, str(getattr(error, "message", error))) from error

    def _parse(self, file: str, path: Path) -> LiquidTemplate:
        text = self._drafts[file] if file in self._drafts else path.read_text("utf-8")
        source = re.sub(r"\r\n?", "\n", text)
        source = with_includes(source, file, lambda places, gap: f"{{% include '{places[0]}'{gap} %}}", unless="{{")
        template = self.environment.from_string(source, name=PurePosixPath(file).name, path=file)
        tree = read_tree(template.nodes)
        note_decisions(tree, file)
        inside = list(_walk(template.nodes))
        uses = [(node, one) for node in inside for one in _filters_of(node)]
        dividing = [(node.token, one.token) for node, one in uses if _divides_by_zero(one)]
        return LiquidTemplate(
            source,
            template,
            tree.template,
            filters=tuple(one.token for _, one in uses),
            unknown_tags=tuple(node.token for node in inside if isinstance(node, UnknownTagNode)),
            zero_divisions=frozenset(token.start_index for tokens in dividing for token in tokens),
        )


class _Loader(BaseLoader):
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
    """Yield the files that a partial's name may mean: with and without endings, folders and `_`."""
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
