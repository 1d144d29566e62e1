"""python-liquid as it is used here: bounded, strict about its own syntax, and lenient about what hosts add to it."""

from typing import Any

from liquid import BoundTemplate, Environment
from liquid.ast import Node
from liquid.exceptions import LiquidError, LiquidSyntaxError
from liquid.loader import BaseLoader
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, TOKEN_ILLEGAL, TOKEN_TAG

from keyturn.emails.engines.liquid.tracing import NamedUndefined, TracedContext, Written, traced
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.emails.lint.source.traced_text import keep_origins

_WITHIN_OTHERS = frozenset({"else", "elsif", "when"})


class TracedTemplate(BoundTemplate):
    """A template whose text knows its places."""

    context_class = TracedContext

    def _get_buffer(self) -> Written:
        return Written()


class LiquidEnvironment(Environment):
    """Reads and draws templates of a folder. A tag or a filter that there is not leaves everything as it is.

    The limits are far beyond any mail, and what passes one is told as what it is.
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
    """A tag that Liquid does not have: it draws nothing, and what stands behind it is drawn."""

    def render_to_output(self, _: Any, __: Any) -> int:
        return 0


class _UnknownTag(Tag):
    """Reads a tag that there is not; `else` outside of an `if`, and an end of nothing, are mistakes."""

    name = TOKEN_ILLEGAL
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.expect(TOKEN_TAG)
        if stream.peek.kind == TOKEN_EXPRESSION:
            next(stream)
        environment: Any = self.env
        if token.value in _WITHIN_OTHERS or token.value.removeprefix("end") in environment.known_tags:
            raise LiquidSyntaxError(f"{{% {token.value} %}} stands where nothing is open for it", token=token)
        return UnknownTagNode(token)


def _placed(tag: Any) -> Tag:
    """Have a tag make nodes that know where they stand, and tell where it was opened if nothing closes it."""
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
                message = f"{{% {opened.value} %}} is never closed: there is no {{% {end} %}}"
                raise LiquidSyntaxError(message if is_unclosed else str(error.message), token=opened) from error
            raise
        return node

    tag.parse = parse_or_tell
    made: Tag = tag
    return made
