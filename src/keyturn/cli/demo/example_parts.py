"""Parts of an example's demo: second factors and pages."""

import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from litestar import HttpMethod, route
from litestar.types import ControllerRouterHandler

from keyturn.service.parts import Parts

_FILE = "second_factors.toml"


async def set_factors(folder: Path, parts: Parts) -> Sequence[str]:
    """Set the factors that the example's file names, and say, in lines for people, how they are tried."""
    file, stored = folder / _FILE, parts.second_step.builtin
    if not file.is_file() or not stored:
        return ()
    notes: list[str] = []
    for email, factors in tomllib.loads(file.read_text("utf-8")).items():
        account = await parts.accounts.find(email)
        if account is None:
            continue
        codes = await parts.database.transact(partial(stored.set_all, account_id=account.id, factors=factors))
        if "phone" in factors:
            notes.append(f"{email} has a phone: its codes, for a reset and to sign in, are among the mails sent.")
        if "totp" in factors:
            notes.append(f"{email} has an authenticator app with the key {factors['totp']}.")
            notes.append(f"Without an app, use a recovery code, each once: {codes[0]} or {codes[1]}")
    return notes


# Pages of the example's app


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
