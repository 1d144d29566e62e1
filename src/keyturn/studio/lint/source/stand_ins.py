"""What the checks render for a part that fails, so that it hides no other mistake; the calls note
the fault.
"""

from collections.abc import Callable, Iterator
from traceback import walk_stack, walk_tb
from types import FrameType
from typing import Any

from jinja2 import Template
from jinja2.debug import rewrite_traceback_stack
from jinja2.runtime import Context

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.jinja import template_invalid
from keyturn.studio.gallery.sandbox import OutOfBounds
from keyturn.studio.gallery.variables.missing_names import (
    MissingName,
    calling_frame,
    is_noting,
    note,
    stand_in_for,
)
from keyturn.studio.lint.finding import limit_of
from keyturn.studio.lint.source.traced_text import trace_printed

NOT_RENDERED = "not-rendered"
NO_LAYOUT = "<template>"  # the file of what stands in for a missing layout
_DEEPEST = 20  # the number of times that a file may include itself


def layout_for(template: str) -> tuple[str, str]:
    """Return what stands before and behind the blocks of a template that has lost its layout."""
    if ".mjml" in template:
        start = "<mjml lang='en'><mj-head><mj-title>.</mj-title></mj-head><mj-body>"
        return start, "</mj-body></mjml>"
    return "<html lang='en'><head><title>.</title></head><body>", "</body></html>"


class StandInForFailed(MissingName):
    """The value of an expression that failed: true, a list of one, and silent, since the fault is
    noted.
    """

    __slots__ = ()

    def _tell(self) -> None:
        pass

    def __str__(self) -> str:
        return stand_in_for(NOT_RENDERED)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator["StandInForFailed"]:
        yield self


FAILED = StandInForFailed(name=NOT_RENDERED)


def attempt(work: Callable[[], Any], require: Callable[[Any], object] = id) -> Any:
    """Return the value of an expression.

    `require` raises for a value that does not fit, as `iter` for a loop.
    """
    try:
        value = work()
        require(value)
    except Exception as error:  # noqa: BLE001 - filters and methods can raise anything
        return go_on(error, calling_frame())
    return value


def attempt_print(work: Callable[[], str], file: str, line: int, column: int) -> str:
    """Return what an expression prints, with its origin."""
    try:
        value = work()
    except Exception as error:  # noqa: BLE001
        value = str(go_on(error, calling_frame(), line, column))
    return trace_printed(value, file, line, column)


def attempt_layout(work: Callable[[], Template], context: Context) -> Template:
    """Return a layout, or one that renders the blocks of the mail alone."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001
        go_on(error, calling_frame())
    start, end = layout_for(context.name or "")
    blocks = "".join(f"{{% block {name} %}}{{% endblock %}}" for name in context.blocks)
    return context.environment.from_string(f"{start}{blocks}{end}")


def go_on(
    error: Exception, frame: FrameType | None = None, line: int = 0, column: int = 0
) -> StandInForFailed:
    """Note an error that was caught in a template's `frame`, or raise it again.

    `line`, `column`: of its tag; 0 if they are unknown.
    """
    frame = frame or calling_frame()
    if not is_noting() or _ends_the_mail(error, frame):
        raise error
    template: Template = frame.f_globals["__jinja_template__"]
    path = template.filename or template.name or ""
    rewrite_traceback_stack()  # so that the error's traceback leads into the templates
    fault = template_invalid(error, path)
    is_endless = isinstance(error, RecursionError)
    if is_endless or fault.line is None:
        line_here = template.get_corresponding_lineno(frame.f_lineno)
        fault = TemplateInvalid(path, line_here, fault.message)
    fault.__cause__ = error
    if not is_endless and (fault.path, fault.line) == (path, line):
        fault.column = column
    note(fault)
    return FAILED


def require_end() -> str:
    """Return an empty text.

    Raise RecursionError in an include that never ends, before the mail has grown too large.
    """
    frame = calling_frame()
    running = [outer.f_code for outer, _ in walk_stack(frame)]
    if running.count(frame.f_code) > _DEEPEST:
        raise RecursionError
    return ""


def _ends_the_mail(error: Exception, frame: FrameType) -> bool:
    """Tell whether rendering cannot go on here.

    Endless recursion goes on where it began: at the outermost call.
    """
    if not isinstance(error, RecursionError):
        return isinstance(error, OutOfBounds) or bool(limit_of(error))
    code = frame.f_code
    if any(outer.f_code is code for outer, _ in walk_stack(frame.f_back)):
        return True
    failed_within = [inner for inner, _ in walk_tb(error.__traceback__) if inner is not frame]
    return not any(inner.f_code is code for inner in failed_within)
