"""The pages that an example's app has itself."""

from pathlib import Path

from litestar import HttpMethod, route
from litestar.types import ControllerRouterHandler

_MEDIA_TYPES = {".html": "text/html", ".css": "text/css"}


def pages_in(folder: Path) -> list[ControllerRouterHandler]:
    """Return a route for each page of the folder, under its own name, as a server of static files has it."""
    return [_page(file) for file in sorted(folder.iterdir()) if file.suffix in _MEDIA_TYPES]


def _page(file: Path) -> ControllerRouterHandler:
    @route(
        f"/{file.name}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        media_type=_MEDIA_TYPES[file.suffix],
        include_in_schema=False,
        sync_to_thread=False,
    )
    def page() -> bytes:
        return file.read_bytes()

    return page
