"""What an address of a link says: its scheme, secrets in it, and who sees them."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from keyturn.hosts import site_of, split_address
from keyturn.studio.lint.rules import RULES

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SECRET_NAME = re.compile(r"token|code|key|otp|ticket|secret|signature|hash", re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_.~-]{20,}|[0-9a-fA-F]{32,}")
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])|[0-9a-f-]+$")
_SECRET_AT_LEAST = 6
_TOKEN_NAME = re.compile(r"token|secret|otp$", re.IGNORECASE)
_CHOOSES_PASSWORD = re.compile(
    r"reset|forgot|recover|passwor[dt]|choose|activat|invit", re.IGNORECASE
)
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_URL = re.compile(r"(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^\s<>\"]+")
_CLOSING = ".,;:!?)]»”"

# Placeholders of Jinja and gettext. In an address also those of MJML and of sending services.
UNFILLED = re.compile(r"\{\{|\{%|\{#|%\(\w+\)[sd]")
_UNFILLED_ADDRESS = re.compile(rf"{UNFILLED.pattern}|\[\[|\*\||<%|\$\{{|%%")
_IN_BRACKETS = re.compile(
    r"""(?!%[0-9A-Fa-f]{2})[^\w\s/.?&+"'-]+\s*[A-Za-z_$][\w .:$|-]*[^\w\s/.?&+"'-]+"""
)
"""A name between signs of any kind with which an address begins: "[unsubscribe]", "{url}", "%url%",
"~url~".
"""


class Url(NamedTuple):
    """An address in a plain text, and where it begins."""

    address: str
    offset: int


def scheme_of(address: str) -> str:
    """Return the scheme in lower case; "" if the address is relative."""
    scheme = _SCHEME.match(address)
    return scheme[1].lower() if scheme else ""


def is_between(host: str) -> bool:
    """Tell whether a host shortens or tracks links for others. It sees every token that passes."""
    return not RULES["links/third-party"].words["hosts"].isdisjoint((host, site_of(host)))


def is_unfilled(address: str) -> bool:
    """Tell whether a service that sends the mail fills in the address, or a part of it."""
    return bool(_IN_BRACKETS.match(address) or _UNFILLED_ADDRESS.search(address))


def secret_in(address: str) -> str:
    """Return the secret part of a web address, which grants access; empty if there is none."""
    web_address = _WebAddress.parse(address)
    for name, value in web_address.parameters:
        is_named_so = _SECRET_NAME.search(name) and len(value) >= _SECRET_AT_LEAST
        if is_named_so or _looks_random(value):
            return value
        inner = secret_in(value)  # an address in a parameter of another one
        if inner:
            return inner
    return next(filter(_looks_random, web_address.segments), "")


def has_token(address: str) -> bool:
    """Tell whether a web address has a random part: in a parameter that is named as a token, or
    behind a path segment on passwords or accounts.
    """
    web_address = _WebAddress.parse(address)
    for name, value in web_address.parameters:
        if _TOKEN_NAME.search(name) and _looks_random(value):
            return True
    for before, after in pairwise(web_address.segments):
        if _CHOOSES_PASSWORD.search(before) and _looks_random(after):
            return True
    return False


def addresses_in(text: str) -> dict[str, int]:
    """Return the web addresses in a plain text, each with its first offset."""
    offsets: dict[str, int] = {}
    for match in _WEB_ADDRESS.finditer(text):
        offsets.setdefault(match[0].rstrip(_CLOSING), match.start())
    return offsets


def urls_in(text: str) -> Iterator[Url]:
    """Yield the addresses of all schemes with `//` in a plain text."""
    for match in _URL.finditer(text):
        yield Url(match[0].rstrip(_CLOSING), match.start())


class _WebAddress(NamedTuple):
    """The parts of a web address that may be secret; other texts have none."""

    parameters: list[tuple[str, str]]
    segments: list[str]

    @classmethod
    def parse(cls, address: str) -> "_WebAddress":
        parts = split_address(address)
        if parts.scheme not in ("http", "https"):
            return cls([], [])
        parameters = parse_qsl(f"{parts.query}&{parts.fragment}")
        return cls(parameters, unquote(parts.path).split("/"))


def _looks_random(text: str) -> bool:
    return bool(_RANDOM.fullmatch(text) and _MIXED.match(text))
