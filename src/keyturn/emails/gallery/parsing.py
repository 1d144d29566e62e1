"""Templates as Jinja's syntax trees, which several readers of the same file share."""

from functools import lru_cache

from jinja2 import Environment, nodes

_MOST = 32
"""Trees that are kept: of the mail that is read just now, and of the layouts and partials that many have."""


@lru_cache(_MOST)
def parse_template(environment: Environment, source: str, file: str) -> nodes.Template:
    """Return the tree, which is not the caller's to change. Raises TemplateSyntaxError."""
    return environment.parse(source, file)
