"""Jinja templates, their errors, and MJML's includes in them."""

import re
import traceback
from collections.abc import Callable, MutableMapping
from functools import cache
from posixpath import dirname, join, normpath
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, BytecodeCache, Environment, StrictUndefined
from jinja2.bccache import Bucket
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.ext import Extension

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.html_tree import attribute_value
from keyturn.mail.rendering.included_heads import INCLUDED_STYLE


class SharedBytecodeCache(BytecodeCache):
    """Caches compiled templates for environments that differ only in their language.

    Each language has templates of its own, because Jinja applies a filter to a constant when it
    compiles.

    `most`: versions of templates; then the cache is emptied.
    """

    def __init__(self, most: int = 4_000) -> None:
        self._known: dict[tuple[str, str], CodeType | None] = {}
        self._most = most

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        key = f"{environment.globals.get('lang', '')} {name} {filename}"
        bucket = Bucket(environment, key, self.get_source_checksum(source))
        bucket.code = self._known.get((key, bucket.checksum))
        return bucket

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[bucket.key, bucket.checksum] = bucket.code


@cache
def _shared_cache(_escapes: object) -> SharedBytecodeCache:
    return SharedBytecodeCache()


class OwnEnvironment(Environment):
    """The environment of Keyturn's own templates.

    They are compiled once in a process, however often the app is built.
    """

    def __init__(
        self,
        loader: BaseLoader,
        *,
        escapes: bool | Callable[[str | None], bool] = True,
        reload: bool = False,
    ) -> None:
        super().__init__(
            loader=loader,
            autoescape=escapes,
            auto_reload=reload,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=_shared_cache(escapes),
        )

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template as one dict: Jinja's ChainMap is slower to read."""
        return {**self.globals, **d} if d else self.globals


_UNDEFINED = re.compile(r"'(\w+)' is undefined")


def template_invalid(error: Exception, file: str) -> TemplateInvalid:
    """Return an error of Jinja's, or of what a template calls, with its place in the template.

    `file`: the place if the traceback has no line of a template.
    """
    if isinstance(error, TemplateSyntaxError):
        # A plain int, because an environment that traces its output counts lines in a number type
        # of its own.
        return TemplateInvalid(error.filename or file, int(error.lineno), str(error.message))
    if isinstance(error, TemplateNotFound):
        reason = f"there is no template {error.name}"
    elif isinstance(error, TemplateError):
        reason = str(error)
    else:
        reason = f"{type(error).__name__}: {error}"
    path, line = _error_place(error, file)
    return TemplateInvalid(path, line, reason)


def _error_place(error: Exception, file: str) -> tuple[str, int | None]:
    """Return the file and the line of the innermost template line in a traceback.

    Jinja rewrites tracebacks so that they lead into the templates.
    """
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.endswith((".py", ">"))]
    if not frames:
        return file, None
    undefined = _UNDEFINED.match(str(error))
    if undefined:
        # The macro that got the value is not the place where it is missing.
        frames = [frame for frame in frames if undefined[1] in (frame.line or "")] or frames
    innermost = frames[-1]
    return innermost.filename, innermost.lineno


_INCLUDE = re.compile(
    r"<!--.*?(?:-->|\Z)|<mj-include\b([^<>]*?)/?>(?:\s*</mj-include\s*>)?", re.DOTALL
)
_ATTRIBUTE = re.compile(r"""\s([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class MjmlIncludes(Extension):
    """Turns MJML's `mj-include` of MJML, CSS or HTML into Jinja's include, since mrml reads no
    files.

    A path is relative to the file, else to the folder. A path that holds Jinja is left as it is;
    the guard reports it.
    """

    priority = -1  # before the other extensions of an environment

    def preprocess(self, source: str, name: str | None, _filename: str | None = None) -> str:
        if "<mj-include" not in source:
            return source
        return _INCLUDE.sub(lambda tag: self._include(tag, name or ""), source)

    def _include(self, tag: re.Match[str], name: str) -> str:
        """Return Jinja's include in place of a tag; comments stay as they are."""
        attributes: dict[str, str] = {}
        for key, quoted, single_quoted in _ATTRIBUTE.findall(tag[1] or ""):
            attributes[key] = attribute_value(quoted or single_quoted)
        path = attributes.get("path", "").replace("\\", "/")
        jinja = self.environment
        if not path or jinja.variable_start_string in path or "'" in path:
            return tag[0]
        files = ", ".join(map(repr, places_of(path, name)))
        # As many lines as before, because errors tell the line.
        line_breaks = "\n" * tag[0].count("\n")
        start = f"{jinja.block_start_string} include [{files}]"
        included = f"{start}{line_breaks} {jinja.block_end_string}"
        match attributes.get("type"):
            case "css":
                inline = ' inline="inline"' if attributes.get("css-inline") == "inline" else ""
                return INCLUDED_STYLE.format(f"<mj-style{inline}>{included}</mj-style>")
            case "html":
                return f"<mj-raw>{included}</mj-raw>"
        return included


def places_of(path: str, name: str) -> list[str]:
    """Return the possible names of an included template, for a path in the template `name`."""
    beside = normpath(join(dirname(name), path))
    in_folder = normpath(path)
    return [beside] if beside == in_folder else [beside, in_folder]
