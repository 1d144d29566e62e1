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
    """Caches compiled files for each language: a filter of that language may have been applied to a
    constant.

    It is for environments that differ in nothing else. When there are `most` versions of files, it
    begins anew.
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
    """Reads Keyturn's own templates, compiled once in a process, however often the app is built.

    Templates get the environment's globals, in place of Jinja's ChainMap of them, which is read for
    each mail.
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
        return {**self.globals, **d} if d else self.globals


_UNDEFINED = re.compile(r"'(\w+)' is undefined")


def template_invalid(error: Exception, file: str) -> TemplateInvalid:
    """Return the error in terms of the template.

    Names `file` if the traceback has no template line.
    """
    if isinstance(error, TemplateSyntaxError):
        # A plain int: an environment that traces its output counts lines in a number type of its
        # own.
        return TemplateInvalid(error.filename or file, int(error.lineno), str(error.message))
    reason = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    if isinstance(error, TemplateNotFound):
        reason = f"there is no template {error.name}"
    return TemplateInvalid(*_error_place(error, file), reason)


def _error_place(error: Exception, file: str) -> tuple[str, int | None]:
    """Find the innermost template line in a traceback: Jinja rewrites it to point into the
    templates.
    """
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.endswith((".py", ">"))]
    if missing := _UNDEFINED.match(
        str(error)
    ):  # the macro that received it is not the place where it is missing
        frames = [frame for frame in frames if missing[1] in (frame.line or "")] or frames
    return (frames[-1].filename, frames[-1].lineno) if frames else (file, None)


_INCLUDE = re.compile(
    r"<!--.*?(?:-->|\Z)|<mj-include\b([^<>]*?)/?>(?:\s*</mj-include\s*>)?", re.DOTALL
)
_ATTRIBUTE = re.compile(r"""\s([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class MjmlIncludes(Extension):
    """Makes Jinja's include of `mj-include` of MJML, of CSS (`type="css"`) and of HTML: mrml reads
    no files.

    A path is relative to the file, else to the folder. One that holds Jinja is left as it is; the
    guard reports it.
    """

    priority = -1  # before the other extensions of an environment

    def preprocess(self, source: str, name: str | None, _filename: str | None = None) -> str:
        is_any = "<mj-include" in source
        return (
            _INCLUDE.sub(lambda tag: self._include(tag, name or ""), source) if is_any else source
        )

    def _include(self, tag: re.Match[str], name: str) -> str:
        attributes = {
            key: attribute_value(first or second)
            for key, first, second in _ATTRIBUTE.findall(tag[1] or "")
        }
        path, jinja = attributes.get("path", "").replace("\\", "/"), self.environment
        if not path or jinja.variable_start_string in path or "'" in path:
            return tag[0]
        files, gap = ", ".join(map(repr, places_of(path, name))), "\n" * tag[0].count("\n")
        included = f"{jinja.block_start_string} include [{files}]{gap} {jinja.block_end_string}"
        match attributes.get("type"):
            case "css":
                inline = ' inline="inline"' if attributes.get("css-inline") == "inline" else ""
                return INCLUDED_STYLE.format(f"<mj-style{inline}>{included}</mj-style>")
            case "html":
                return f"<mj-raw>{included}</mj-raw>"
        return included


def places_of(path: str, name: str) -> list[str]:
    """Return the possible names of an included template, for a path in the template `name`."""
    return list(dict.fromkeys((normpath(join(dirname(name), path)), normpath(path))))
