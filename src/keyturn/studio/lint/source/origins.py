"""A Jinja environment whose output carries its origins; the text is identical.

The sender never uses it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment
from jinja2.runtime import Context

from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.environments import with_lenient_filters
from keyturn.studio.gallery.sandbox import SandboxedFolderEnvironment
from keyturn.studio.gallery.syntax_trees import copied_as, mixed
from keyturn.studio.gallery.variables.made_up import marked
from keyturn.studio.lint.source import stand_ins, traced_runtime, traced_text
from keyturn.studio.lint.source.tag_stand_ins import STAND_IN
from keyturn.studio.lint.source.tolerant_parsing import TolerantEnvironment
from keyturn.studio.lint.source.traced_code import TracingGenerator


def with_origins(environment: Environment) -> Environment:
    """Return a synchronous copy of the environment, with caches of its own, that renders
    `TracedText`.
    """
    is_sandboxed = isinstance(environment, SandboxedFolderEnvironment)
    kind = _TolerantSandbox if is_sandboxed else TolerantEnvironment
    copy = copied_as(kind, environment, bytecode_cache=None, enable_async=False)
    copy.wrong_tags = {}
    copy.globals = {**environment.globals, STAND_IN: stand_ins.FAILED}
    copy.code_generator_class = TracingGenerator
    copy.concat = _concat_of(environment)  # type: ignore[method-assign]  # as NativeEnvironment
    copy.context_class = mixed(_TracedContext, environment.context_class)
    copy.filters = {
        name: traced_runtime.keep_origins(function)
        for name, function in environment.filters.items()
    }
    return copy


def _concat_of(environment: Environment) -> Callable[[Iterable[str]], str]:
    if not isinstance(environment, SandboxedFolderEnvironment):
        return traced_text.concat
    bounded_parts = environment.bounded_parts
    return lambda parts: traced_text.concat(bounded_parts(parts))


def with_lenient_origins(environment: Environment) -> Environment:
    """Return the environment of `with_origins`, in which unknown filters return their value
    unchanged.
    """
    return with_lenient_filters(with_origins(environment))


def going_on(gallery: Gallery) -> Gallery:
    """Return a gallery that finds the branches of its mails beyond their faults."""
    if gallery.go_on:
        return gallery
    return gallery.but(go_on=with_lenient_origins)


class _TracedContext(Context):
    def resolve_or_missing(self, key: str) -> Any:
        value = super().resolve_or_missing(key)
        if key in self.vars:  # the template has set it
            return value
        return marked(key, value)

    def call(self, called: Any, /, *args: Any, **named: Any) -> Any:
        result = super().call(called, *args, **named)
        return traced_runtime.made_of(
            result, getattr(called, "__self__", None), *args, *named.values()
        )

    def super(self, name: str, current: Any) -> Any:
        depth = self.blocks[name].index(current)
        return traced_runtime.block_at(self, name, depth + 1)


class _TolerantSandbox(TolerantEnvironment, SandboxedFolderEnvironment):
    """Knows what is made of made-up values by operators.

    Outside the sandbox, only `MadeUp` does.
    """

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return traced_runtime.made_of(
            super().call_binop(context, operator, left, right), left, right
        )
