"""Supports `<mj-include path="./footer.mjml" />` as mjml's own compiler does, for folders written for it.

mrml reads no files. So the include becomes Jinja's own before Jinja reads the template. Included files may print
values, are reloaded, and their lines are known, as for any template.
"""

import re
from collections.abc import Callable, Sequence
from html import unescape
from posixpath import dirname, join, normpath

from jinja2.ext import Extension

_INCLUDE = re.compile(r"<!--.*?(?:-->|\Z)|<mj-include\b([^<>]*?)/?>(?:\s*</mj-include\s*>)?", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\s([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_WRAPPER = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)(mjml|mj-head|mj-body)\b[^<>]*>", re.DOTALL)


class MjmlIncludes(Extension):
    """Reads `mj-include` of MJML, of CSS (`type="css"`) and of HTML (`type="html"`).

    A path is relative to the including file, else to the folder of the templates. A path that holds Jinja is left as it
    is; the guard reports it.
    """

    priority = -1  # before the extensions that count lines and columns

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's
        start, end = self.environment.block_start_string, self.environment.block_end_string

        def include(places: Sequence[str], gap: str) -> str:
            return f"{start} include [{', '.join(map(repr, places))}]{gap} {end}"

        return with_includes(source, name or "", include, unless=self.environment.variable_start_string)


def with_includes(source: str, name: str, include: Callable[[Sequence[str], str], str], *, unless: str) -> str:
    """Return a template in which `include` replaces each `mj-include`, on as many lines.

    `include`: takes the possible places of the file, and line breaks that its result must hold.
    `unless`: paths with this text in them are left as they are.
    """
    if "<mj-include" not in source:
        return source
    return _INCLUDE.sub(lambda found: _included(found, name, include, unless), source)


def _included(found: re.Match[str], name: str, include: Callable[[Sequence[str], str], str], unless: str) -> str:
    given = {key: unescape(first or second) for key, first, second in _ATTRIBUTE.findall(found[1] or "")}
    path = given.get("path", "").replace("\\", "/")
    if not path or unless in path or "'" in path:
        return found[0]
    included = include(places_of(path, name), "\n" * found[0].count("\n"))
    match given.get("type"):
        case "css":
            inline = ' inline="inline"' if given.get("css-inline") == "inline" else ""
            return f"<mj-style{inline}>{included}</mj-style>"
        case "html":
            return f"<mj-raw>{included}</mj-raw>"
    return included


def places_of(path: str, name: str) -> list[str]:
    """Return the possible names of an included template, for a path in the template `name`."""
    return list(dict.fromkeys((normpath(join(dirname(name), path)), normpath(path))))


def unwrap_includes(mjml: str) -> str:
    """Return MJML of the same length, with blanks for the mjml, mj-head and mj-body tags of included files."""
    if mjml.count("<mjml") < 2:
        return mjml
    depth, parts, behind = 0, [], 0
    for found in _WRAPPER.finditer(mjml):
        depth += (found[2] == "mjml") * (not found[1])
        if depth > 1 and found[2]:
            parts += [mjml[behind : found.start()], " " * len(found[0])]
            behind = found.end()
        depth -= (found[2] == "mjml") * bool(found[1])
    return "".join([*parts, mjml[behind:]])
