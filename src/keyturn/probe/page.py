"""An answer of the application under test, and those that led to it."""

from functools import cached_property

from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element, parse_html


class Page(Struct, frozen=True, kw_only=True, dict=True):
    """An answer.

    `sent`: the request, after its first line. `before`: the answers whose redirects led here.
    """

    method: str
    url: str
    sent: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    seconds: float
    before: tuple["Page", ...] = ()

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def all(self) -> tuple["Page", ...]:
        """The answers from the first on, this one last."""
        return (*self.before, self)

    @property
    def received(self) -> str:
        """The headers and the bodies of all answers."""
        return "\n".join(f"{page.headers}\n{page.body}" for page in self.all)

    @property
    def is_html(self) -> bool:
        return "html" in self.header("content-type")

    @cached_property
    def tree(self) -> Element:
        return parse_html(self.body)

    @property
    def words(self) -> str:
        """The body as a person reads it."""
        return self.tree.lines() if self.is_html else self.body

    @property
    def set_cookies(self) -> list[str]:
        """The Set-Cookie headers of all answers."""
        values = []
        for page in self.all:
            for key, value in page.headers:
                if key == "set-cookie":
                    values.append(value)
        return values

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that all answers set, with empty texts for those that they delete."""
        return dict(map(_cookie, self.set_cookies))


_DELETES = ("max-age=0", "01 jan 1970", "01-jan-1970")
"""Attributes by which frameworks delete a cookie."""


def _cookie(header: str) -> tuple[str, str]:
    """Return the name and the value of a Set-Cookie header."""
    pair, _, attributes = header.partition(";")
    name, _, value = pair.partition("=")
    if any(sign in attributes.lower() for sign in _DELETES):
        value = ""
    return name.strip(), value.strip().strip('"')
