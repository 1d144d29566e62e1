"""A route of the API as a command for curl, made of its description."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from keyturn.api.responses import SERVICE_KEY

JSON = "application/json"
_BEARER = '-H "Authorization: Bearer $KEYTURN_INVITATIONS_SERVICE_KEY"'
_REFERENCE = "#/components/schemas/"


def curl_command(method: str, address: str, operation: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return the command, with the examples of the description. `known` are its schemas, by name.

    Cookies are kept in a file where a route has to do with sessions, so that the commands work one after the other. The
    service key comes from its variable: it is in no history of a shell.
    """
    words = ["curl", "-i"]
    if "Sessions" in operation.get("tags", ()):
        words += ["-b", "cookies", "-c", "cookies"]
    words.append(address)
    body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
    if body:
        words += ["--json", json.dumps(example_body(resolve_reference(body, known)), ensure_ascii=False)]
    elif method != "GET":
        words += ["-X", method]
    command = shlex.join(words)
    return f"{command} {_BEARER}" if needs_service_key(operation) else command


def needs_service_key(operation: Mapping[str, Any]) -> bool:
    return any(SERVICE_KEY in scheme for scheme in operation.get("security", ()))


def example_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are required, and of the others those that say something new."""
    body: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        example = next(_examples(member), None)
        if name in schema.get("required", ()) or example not in (None, *body.values()):
            body[name] = example
    return body


def resolve_reference(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        found: Mapping[str, Any] = known[schema["$ref"].removeprefix(_REFERENCE)]
        return found
    return schema


def _examples(member: Mapping[str, Any]) -> Iterator[Any]:
    for choice in (member, *member.get("oneOf", ())):
        yield from choice.get("examples", ())
