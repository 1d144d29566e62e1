"""Renders the hosted pages in every state of `preview.toml`, without a running service.

It is for designers, and for the check of custom templates at the start.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from keyturn.errors import Fault, SettingsInvalid, TemplateInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.cookies import RememberedRequest
from keyturn.service.pages.page_templates import PageTemplates
from keyturn.service.pages.second_step import ShownStep
from keyturn.service.pages.site import Site
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.problem import Internal
from keyturn.service.problems.proofs import Factor
from keyturn.service.problems.requests import Busy, TooManyRequests
from keyturn.service.reset.check import LinkOwner
from keyturn.service.reset.mails.theme import themes_of
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import Paths

_PATHS = Paths(forgot="/forgot", reset="/reset", sign_in="/sign-in", security_settings="/settings")
"""The paths in a preview. A link to a page leads to the first state of that page."""


class State(NamedTuple):
    """A state of a page.

    `label`: its name for people.
    `values`: those of its template.
    """

    template: str
    label: str
    values: Mapping[str, Any]


def _read_states() -> Mapping[str, State]:
    """Return the states by their names, in the order in which users meet them."""
    file = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    states = {}
    for name, (template, label, *differing) in file["states"].items():
        values = dict(file["defaults"].get(template, {}))
        for own in differing:  # at most one table
            values |= own
        states[name] = State(template, label, values)
    return states


_STATES = _read_states()

_TYPES: Mapping[str, Any] = {
    "account": Account,
    "factors": tuple[Factor, ...],
    "link_request": RememberedRequest,
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
        self._read = read
        self._brands = brands or {}

    @property
    def states(self) -> Sequence[tuple[str, str, str]]:
        """The name of each state, its name for people, and its template."""
        return [(name, state.label, state.template) for name, state in _STATES.items()]

    def watched_folders(self) -> Sequence[Path]:
        """Return the folders whose files a page depends on. Raises SettingsInvalid."""
        site = self._site("")
        folders = set()
        for brand in site.themes.brands:
            for logo in (brand.logo, brand.logo_dark):
                if logo and not logo.is_url:
                    folders.add(Path(logo).parent.resolve())
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
        if state not in _STATES:
            raise LookupError(f"There is no page called {state}.")
        if brand and brand not in site.themes.kinds:
            raise LookupError(f"There is no brand called {brand}.")
        return _StateRenderer(site).render(state, language, brand)

    def faults(self) -> Sequence[Fault]:
        """Return every mistake in custom templates, with its file and line.

        All states are rendered, for each kind of account.
        """
        site = self._site("")
        if not site.settings.pages.templates:
            return []
        renderer = _StateRenderer(site)
        faults: list[Fault] = []
        for state in _STATES:
            for kind in ("", *site.themes.kinds):
                try:
                    renderer.render(state, "", kind)
                except TemplateInvalid as error:
                    fault = Fault("pages.templates", str(error))
                    if fault not in faults:
                        faults.append(fault)
        return faults

    def file(self, name: str) -> tuple[bytes, str]:
        """Return a file that a page loads, and its media type. Raises LookupError."""
        return Assets(self._site(""), {}).content(name)

    def _site(self, prefix: str) -> Site:
        settings = self._read()
        return Site(
            settings=settings,
            themes=themes_of(settings, self._brands, reload=True),
            link_life=settings.token.ttl,
            paths=_PATHS,
            prefix=prefix,
            reload=True,
            takes_names=bool(settings.accounts.table.username),
        )


class _StateRenderer:
    """Renders states with the settings and brands of a site."""

    def __init__(self, site: Site) -> None:
        settings = site.settings
        self._site = site
        self._templates = PageTemplates(site, Assets(site, {}), settings.pages.templates)
        policy = PasswordPolicy(
            settings.password, settings.brand.name, max_bytes=settings.hashing.max_bytes
        )
        policy.close()
        self._rules = policy.rules

    def render(self, state: str, language: str, kind: str) -> str:
        """Return a state, in a language, for a kind of accounts. Raises TemplateInvalid."""
        site = self._site
        shown = _STATES[state]
        values: dict[str, Any] = {
            "back": site.forgot,
            "csrf_token": "0" * 8,
            "rules": self._rules,
            **shown.values,
        }
        for name in ("account", "owner"):
            if name in values:
                values[name] = {**_ADA, "kind": kind, **values[name]}
        # The form for a new password has an expiry if it belongs to a link.
        until = values.get("owner", {}).get("expires_at")
        types = {**_TYPES, "owner": LinkOwner if until else Account}
        for name, wanted in types.items():
            if name in values:
                values[name] = msgspec.convert(values[name], wanted)
        values.setdefault("account", values.get("owner"))
        values.setdefault("until", until)
        values["problem"] = _PROBLEMS.get(values.get("problem", ""))
        values["site"] = replace(site, **values.get("site", {}))
        reader = site.themes.languages.choose(language)
        return self._templates.render(shown.template, values, reader, kind)
