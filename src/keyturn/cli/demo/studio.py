"""The demo's studio, or a page at its address if the extra is not installed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.cli.demo.examples import Example
from keyturn.cli.demo.plain import PlainDemo
from keyturn.cli.emails.studio import studio_of
from keyturn.errors import ExtraMissing
from keyturn.packaging import require_studio
from keyturn.quick_imports import quick_imports

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler


class WithStudio:
    """Puts the studio beside the service. `addresses` are those that the greeting prints, by what is there."""

    notes: Sequence[str] = ()

    def __init__(self, shown: Example | PlainDemo, host: str) -> None:
        self._studio = studio_of(shown.settings, host, shown.brands)
        self.token = self._studio.token
        self.stop = self._studio.stop
        base, token = shown.settings.base_url, f"?token={self.token}" if self.token else ""
        self.addresses = {"Mails sent": f"{base}/studio/outbox{token}", "Studio": f"{base}/studio{token}"}

    def routes(self) -> "Sequence[ControllerRouterHandler]":
        """Return what answers; programs below /studio, since /api is the service's."""
        with quick_imports():
            from keyturn.emails.studio import studio_routers

        return studio_routers(self._studio, programs="/studio")


class WithoutStudio:
    """Stands in for the studio where its extra is not installed.

    Mails are files to open in a mail program; the address of the studio says why, with the status 404.
    """

    token = ""

    def __init__(self, folder: Path, why: str) -> None:
        self._text = f"{why[0].upper()}{why[1:]}\nUntil then, each mail is a file to open: {folder}\n"
        self.addresses: Mapping[str, str] = {"Mails sent": str(folder)}
        self.notes: Sequence[str] = (why[0].upper() + why[1:],)

    def stop(self) -> None:
        """Nothing is watched that would keep a page open."""

    def routes(self) -> "Sequence[ControllerRouterHandler]":
        from litestar import MediaType, get

        text = self._text

        @get(["/studio", "/studio/{_:path}"], status_code=404, media_type=MediaType.TEXT, include_in_schema=False)
        async def absent_studio() -> str:
            return text

        return [absent_studio]


def demo_studio(shown: Example | PlainDemo, host: str) -> WithStudio | WithoutStudio:
    """Return the studio over the demo's mails, else what says how to get it."""
    try:
        require_studio("the studio")
    except ExtraMissing as missing:
        return WithoutStudio(Path(shown.settings.mail.capture_dir).resolve(), str(missing))
    return WithStudio(shown, host)
