"""The API's description as a page: plain HTML from the OpenAPI schema, no outside host; a script lets people try it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template
from litestar import Router
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup, escape

from keyturn.api.requests import AnyRequest
from keyturn.pages.assets import Assets
from keyturn.pages.page_templates import page_environment
from keyturn.pages.reference.curl import JSON, curl_command, example_body, needs_service_key, resolve_reference
from keyturn.pages.security import security_headers
from keyturn.pages.site import Site


@dataclass(frozen=True, slots=True)
class Field:
    """A member of an object as a reader wants it: its name, its type in words, what it means."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(slots=True)
class Operation:
    """What one handler does, under all of its paths; `curl` asks it under the first, with `body`.

    `takes_key` says that whoever asks shows the service key.
    """

    method: str
    summary: str
    description: str
    takes: list[Field]
    answers: list[tuple[str, str, list[list[Field]]]]
    curl: str
    body: str
    takes_key: bool
    paths: list[str] = field(default_factory=list)


class ReferencePage(OpenAPIRenderPlugin):
    """Draws the page from the schema, once. Mounted by Litestar at the root of the schema's path."""

    def __init__(self, site: Site, base_url: str) -> None:
        super().__init__(path="/")
        self._site = site
        self._base_url = base_url
        self._headers = security_headers(site)
        self._page = b""

    def router(self, path: str) -> Router:
        """Return the router below which Litestar puts the page and the schema, with the pages' own headers."""
        return Router(path, route_handlers=[], response_headers=self._headers, include_in_schema=False)

    def render(self, _: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        if not self._page:  # whoever reloads it a thousand times costs a thousand copies, and one drawing
            info = openapi_schema["info"]
            groups = groups_of(openapi_schema, self._base_url)
            page = self._template().render(title=info["title"], version=info["version"], groups=groups)
            self._page = page.encode()
        return self._page

    def _template(self) -> Template:
        """Compile the template where somebody reads the page: a start should not pay for it."""
        environment = page_environment()
        environment.filters["prose"] = _code_in_prose
        asset = Assets(self._site, self._headers).url
        environment.globals.update(brand=self._site.brand, asset=asset, url=self._site.url)
        return environment.get_template("reference.html")


def groups_of(schema: Mapping[str, Any], base_url: str) -> dict[str, list[Operation]]:
    """Return the operations by tag, in the order of their paths; those that differ only in their path are one."""
    known = schema.get("components", {}).get("schemas", {})
    groups: dict[str, dict[tuple[str, str], Operation]] = {tag["name"]: {} for tag in schema.get("tags", [])}
    for path, methods in sorted(schema["paths"].items()):
        for method, found in methods.items():
            group = groups.setdefault(found.get("tags", ["Other"])[0], {})
            described = _operation(method, found, known, base_url + path)
            operation = group.setdefault((method, found["summary"]), described)
            operation.paths.append(path)
    return {tag: list(group.values()) for tag, group in groups.items() if group}


def _operation(method: str, found: Mapping[str, Any], known: Mapping[str, Any], address: str) -> Operation:
    body = found.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
    return Operation(
        method=method.upper(),
        summary=found["summary"],
        description=found.get("description", ""),
        takes=next(iter(_members(body, known)), []) if body else [],
        answers=[(status, *_answer(answer, known)) for status, answer in sorted(found["responses"].items())],
        curl=curl_command(method.upper(), address, found, known),
        body=json.dumps(example_body(resolve_reference(body, known)), indent=2, ensure_ascii=False) if body else "",
        takes_key=needs_service_key(found),
    )


def _answer(answer: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, list[list[Field]]]:
    content = answer.get("content", {})
    if JSON in content:
        return "", list(_members(content[JSON]["schema"], known))
    return str(answer.get("description", "")), []


def _members(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[list[Field]]:
    """Yield the members of an object, or of each object of a choice."""
    for choice in schema.get("oneOf", [schema]):
        found = resolve_reference(choice, known)
        required = set(found.get("required", []))
        yield [
            Field(name, _type(member, known), name in required, member.get("description", ""))
            for name, member in found.get("properties", {}).items()
        ]


def _type(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    found = resolve_reference(schema, known)
    if "oneOf" in found:
        return " or ".join(_type(choice, known) for choice in found["oneOf"])
    if "const" in found:
        return _literal(found["const"])
    if "enum" in found:
        return " or ".join(_literal(value) for value in found["enum"])
    if found.get("type") == "array":
        item = resolve_reference(found["items"], known)
        members = ", ".join(item.get("properties", {}))
        return f"list of {{{members}}}" if members else f"list of {_type(found['items'], known)}"
    return {"date-time": "date and time"}.get(found.get("format", ""), str(found.get("type", "anything")))


def _code_in_prose(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if odd % 2 else escape(part) for odd, part in enumerate(text.split("`")))


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
