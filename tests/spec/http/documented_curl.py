"""What docs/http.md shows of curl: each command, and the answer that stands below it."""

import json
import re
from pathlib import Path
from typing import NamedTuple

_DOCUMENT = Path(__file__).parents[3] / "docs" / "http.md"
_COMMAND = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(_COMMAND.pattern + r"\n+^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_VARYING = {
    r"[\w-]{8}-[\w-]{4}-[\w-]{4}-[\w-]{4}-[\w-]{12}": "an id",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z": "a moment",
    r"=[\w.-]{43,}": "=a secret",
    r"(retry-after: |\"retryAfter\": ?|;t=)\d+": r"\g<1>60",
    r'"(nonce|salt|signature)": ?"[0-9a-f]{32,64}"': r'"\g<1>": "hex"',
    r'"expiresAt": ?\d+': '"expiresAt": 0',
    r'"token": ?"[\w-]{43}"': '"token": "a secret"',
    r"again in \d+ \w+": "again in 1 minute",
}
"""The parts of an answer that differ between runs; the rest is compared exactly."""


class Answer(NamedTuple):
    """An answer as `curl -i` prints it, without what varies."""

    status: str
    headers: frozenset[str]
    body: object


WITH_PROOFS = "## With a challenge and a code"


def shown(part: str = "") -> list[tuple[str, Answer]]:
    """Return the commands in their order, each with its answer: those of a part, or those that are in none.

    Raises ValueError without one.
    """
    most, _, rest = _DOCUMENT.read_text("utf-8").partition(WITH_PROOFS)
    text = rest if part else most
    found = _SHOWN.findall(text)
    commands = [command for command in _COMMAND.findall(text) if "curl" in command]
    if commands != [command for command, _ in found]:
        raise ValueError(f"a command of {_DOCUMENT.name} stands there without an answer")
    return [(command, read(answer)) for command, answer in found]


def read(text: str) -> Answer:
    """Return the last of the answers in what curl has printed."""
    last = "HTTP/1.1 " + text.replace("\r\n", "\n").rpartition("HTTP/1.1 ")[2]
    for pattern, instead in _VARYING.items():
        last = re.sub(pattern, instead, last)
    head, _, body = last.partition("\n\n")
    status, *headers = head.splitlines()
    return Answer(status, frozenset(headers), json.loads(body))
