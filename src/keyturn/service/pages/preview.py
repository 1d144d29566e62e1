"""Renders the hosted pages in every state of `preview.toml`, without a running service.

It is for designers, and for the check of custom templates at the start.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from keyturn.errors import Fault, SettingsInvalid, TemplateInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.cookies import LinkRequest
from keyturn.service.pages.rendering import PageTemplates
from keyturn.service.pages.second_step import ShownStep
from keyturn.service.pages.site import Site
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.problem import Internal
from keyturn.service.problems.proofs import Factor
from keyturn.service.problems.requests import Busy, TooManyRequests
from keyturn.service.reset.check import LiveLink
from keyturn.service.reset.mails.theme import themes_of
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import Paths

_PATHS = Paths(forgot="/forgot", reset="/reset", sign_in="/sign-in", security="/settings")
"""The paths in a preview. A link to a page leads to the first state of that page."""

_FILE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_STATES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    name: (template, label, {**_FILE["defaults"].get(template, {}), **dict(*values)})
    for name, (template, label, *values) in _FILE["states"].items()
}
"""The template of each state, its name for people, and its values."""


_TYPES: Mapping[str, Any] = {
    "account": Account,
    "factors": tuple[Factor, ...],
    "link_request": LinkRequest,
    "lifetime": timedelta,
    "step": ShownStep,
    "wait": timedelta,
}

_PROBLEMS = {
    type(one).__name__: one for one in (TooManyRequests(47), Busy(), OutcomeUnknown(), Internal())
}
_ADA = {"id": "1", "email": "ada@northwind.example", "name": "Ada"}


class PagePreview:
    """Renders any state of any page, and its files, in every brand."""

    def __init__(
        self, read: Callable[[], Settings], brands: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Set the sources of the settings and brands.

        `read`: returns the current settings, or raises SettingsInvalid. It is called for each page,
        since the settings may change.
        `brands`: brands besides those of the settings, each by the values that differ.
        """
        self._read, self._brands = read, brands or {}

    @property
    def states(self) -> Sequence[tuple[str, str, str]]:
        return [(name, label, template) for name, (template, label, _) in _STATES.items()]

    def watched_folders(self) -> Sequence[Path]:
        """Return the folders whose files a page depends on. Raises SettingsInvalid."""
        site = self._site("")
        files = (file for brand in site.themes.brands for file in (brand.logo, brand.logo_dark))
        folders = {Path(file).parent.resolve() for file in files if file and "://" not in file}
        if site.settings.pages.templates:
            folders.add(Path(site.settings.pages.templates).resolve())
        return sorted(folder for folder in folders if folder.is_dir())

    def page(self, state: str, language: str, brand: str, prefix: str) -> str:
        """Return a page whose links begin with `prefix`.

        Raises TemplateInvalid, LookupError for an unknown page or brand, and ValueError for wrong
        settings.
        """
        try:
            site = self._site(prefix)
        except SettingsInvalid as invalid:
            raise ValueError(str(invalid)) from invalid
        if state not in _STATES or (brand and brand not in site.themes.kinds):
            raise LookupError(f"There is no page called {state}, or no brand called {brand}.")
        return self._renderer(site)(state, language, brand)

    def faults(self) -> Sequence[Fault]:
        """Return every mistake in custom templates, with its file and line.

        All states are rendered, for each kind of account.
        """
        site = self._site("")
        render, faults = self._renderer(site), list[Fault]()
        for state, kind in (
            product(_STATES, ("", *site.themes.kinds)) if site.settings.pages.templates else ()
        ):
            try:
                render(state, "", kind)
            except TemplateInvalid as error:
                faults.append(Fault("pages.templates", str(error)))
        return list(dict.fromkeys(faults))

    def file(self, name: str) -> tuple[bytes, str]:
        """Return a file that a page loads, and its media type. Raises LookupError."""
        return Assets(self._site(""), {}).content(name)

    def _site(self, prefix: str) -> Site:
        settings = self._read()
        return Site(
            settings=settings,
            themes=themes_of(settings, self._brands, reload=True),
            paths=_PATHS,
            prefix=prefix,
            reload=True,
            takes_names=bool(settings.accounts.table.username),
        )

    def _renderer(self, site: Site) -> Callable[[str, str, str], str]:
        """Return a function that renders a state, in a language, for a kind of accounts.

        It raises TemplateInvalid.
        """
        settings = site.settings
        templates = PageTemplates(site, Assets(site, {}), settings.pages.templates)
        policy = PasswordPolicy(
            settings.password, settings.brand.name, max_bytes=settings.hashing.max_bytes
        )
        policy.close()

        def render(state: str, language: str, kind: str) -> str:
            template, _, own = _STATES[state]
            values: dict[str, Any] = {
                "back": site.forgot,
                "csrf_token": "0" * 8,
                "rules": policy.rules,
                **own,
            }
            for name in values.keys() & {"account", "owner"}:
                values[name] = {**_ADA, "kind": kind, **values[name]}
            # The form for a new password has an expiry if it belongs to a link.
            until = values.get("owner", {}).get("expires_at")
            types = {**_TYPES, "owner": LiveLink if until else Account}
            values |= {
                name: msgspec.convert(values[name], types[name])
                for name in values.keys() & types.keys()
            }
            values = {"account": values.get("owner"), "until": until, **values}
            values["problem"] = _PROBLEMS.get(values.get("problem", ""))
            values["site"] = replace(site, **values.get("site", {}))
            return templates.render(template, values, site.themes.languages.choose(language), kind)

        return render
