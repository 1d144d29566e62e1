"""A request for a page of the studio, with its typed query."""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from litestar import Request, Response
from litestar.exceptions import ValidationException

from keyturn.studio.web.checks.reports import FolderChecks
from keyturn.studio.web.pages.layout import Layout
from keyturn.studio.web.rendering.rendition import Rendition, Renditions
from keyturn.studio.web.view import PageAddress, View
from keyturn.values import mismatch

_Address = TypeVar("_Address", bound=PageAddress)

_PLACE = re.compile(r"`\$\.(\w+)")  # of a value, in an error of msgspec


class Visit:
    """A request for a page.

    `name`: the template, file or mail that its path names. `prefer`: its header (RFC 7240).
    `gallery`, `renditions`, `folder_checks`: what most pages need. A handler asks for what only few
    pages need: several dependencies take Litestar a task group.

    A script asks for a page at once (`respond-async`), then to check more (`wait`) until nothing is
    left.
    """

    def __init__(
        self,
        request: Request[Any, Any, Any],
        layout: Layout,
        renditions: Renditions,
        folder_checks: FolderChecks,
    ) -> None:
        self.name = str(request.path_params.get("name", "")).lstrip("/")
        self.prefer = request.headers.get("prefer", "")
        self.gallery = renditions.gallery
        self.renditions = renditions
        self.folder_checks = folder_checks
        self._url = request.url
        self._query = request.query_params
        self._layout = layout

    @cached_property
    def view(self) -> View:
        return self.address(View)

    def rendition(self) -> Rendition:
        """Return the mail of the view. Raises LookupError."""
        return self.renditions.rendition(self.name, self.view)

    def address(self, kind: type[_Address]) -> _Address:
        """Return the typed query.

        A form repeats a name for several ticked choices. Raises ValidationException.
        """
        types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        query: dict[str, Any] = {}
        for name in self._query:
            values = self._query.getall(name)
            takes_several = get_origin(types.get(name)) is tuple
            query[name] = values if takes_several else values[-1]
        try:
            return msgspec.convert(query, kind, strict=False)
        except msgspec.ValidationError as error:
            fault = _explain(str(error), query, types)
            raise ValidationException(detail=f"The address cannot be read: {fault}.") from error

    def check_more(self, *first: Callable[[], bool]) -> str:
        """Check some mails if a script waits for it: those of the page `first`, then the folder's.

        Return the address that checks more, or an empty text. Each check returns whether more is
        left.

        Without scripts, the tab of checks waits for the first.
        """
        if first and self.view.tab == "checks" and not self.prefer:
            first[0]()
        here = f"{self._url.path}?{self._url.query}"
        if "wait" not in self.prefer:
            return here
        for check in (*first, self.folder_checks.check_more):
            if check():
                return here
        return ""

    def page(self, page: str, context: Mapping[str, Any], status: int = 200) -> Response[str]:
        """Answer with a page, by default in the view of the address."""
        if "view" not in context:
            context = {"view": self.view, **context}
        return self._layout.page(page, context, status)


def _explain(fault: str, query: Mapping[str, Any], types: Mapping[str, Any]) -> str:
    """Return what is wrong with a query, with the name of the field if msgspec tells it."""
    place = _PLACE.search(fault)
    if not place:
        return fault
    name = place[1]
    value = query[name]
    wanted = types[name]
    if isinstance(value, list):
        value = ", ".join(value)
        wanted = get_args(wanted)[0]
    return f"{name} {mismatch(value, wanted)}"
