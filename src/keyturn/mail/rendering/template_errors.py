"""What Jinja raises, as the file and the line of a template."""

import re
import traceback

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from keyturn.errors import TemplateInvalid

_UNDEFINED = re.compile(r"'(\w+)' is undefined")


def template_invalid(error: Exception, file: str) -> TemplateInvalid:
    """Return the error as it is told to people. `file` is named where no line of a template is to be found."""
    if isinstance(error, TemplateSyntaxError):
        # A plain number: an environment that was prepared to trace its output counts lines in numbers of its own.
        return TemplateInvalid(error.filename or file, int(error.lineno), str(error.message))
    return TemplateInvalid(*_error_place(error, file), _reason(error))


def _error_place(error: Exception, file: str) -> tuple[str, int | None]:
    """Find the innermost template line in a traceback: Jinja rewrites it to point into the templates."""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.endswith((".py", ">"))]
    if missing := _UNDEFINED.match(str(error)):  # a macro that was handed it is not where it is missing
        frames = [frame for frame in frames if missing[1] in (frame.line or "")] or frames
    return (frames[-1].filename, frames[-1].lineno) if frames else (file, None)


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name}"
    return str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
