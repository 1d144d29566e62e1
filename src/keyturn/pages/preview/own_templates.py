"""What is wrong with the pages of one's own, found at the start and not by the first person who needs a password."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from jinja2 import TemplateError
from jinja2.meta import find_referenced_templates
from jinja2.nodes import Template

from keyturn.database import now
from keyturn.errors import Fault, SettingsInvalid, TemplateInvalid
from keyturn.mail.rendering.template_errors import template_invalid
from keyturn.pages.assets import Assets
from keyturn.pages.page_templates import PACKAGED, PageTemplates, page_environment
from keyturn.pages.preview.challenge_states import CHALLENGE_STATES
from keyturn.pages.preview.drawing import refused_of_state
from keyturn.pages.preview.inheritance import inheritance_faults
from keyturn.pages.preview.policy import Refused
from keyturn.pages.preview.states import STATES, Sample
from keyturn.pages.site import Site, TemplateSite
from keyturn.reset.passwords.policy import Rule

_NAME = "pages.templates"
_NOT_PAGES = {"reference.html"}
"""Of ours, what is the API's and not a page for people."""


def require_drawable(site: Site, assets: Assets) -> None:
    """Raise SettingsInvalid with everything that is wrong with the site's own templates, by file and line."""
    if site.templates and (faults := template_faults(site, assets, site.policy.rules)):
        raise SettingsInvalid(faults)


def template_faults(site: TemplateSite, assets: Assets, rules: Sequence[Rule]) -> Sequence[Fault]:
    """Return everything that is wrong with the site's own templates, by file and line.

    Each state is drawn for each kind of account: a mistake in one is found however seldom people come by it.
    """
    if not site.templates:
        return ()
    return [*_unread_files(site.templates)] or [*dict.fromkeys(_undrawable(site, assets, rules))]


def _undrawable(site: TemplateSite, assets: Assets, rules: Sequence[Rule]) -> Iterator[Fault]:
    templates = PageTemplates(site, assets)
    own = Path(site.templates).resolve()
    for kind in ("", *site.kinds):
        sample = Sample(site, rules, now(), kind)
        language = site.theme(kind).languages.choose("")
        for state in (*STATES, *CHALLENGE_STATES):
            try:
                refused = refused_of_state(templates, state, sample, language)
            except TemplateInvalid as error:
                yield Fault(_NAME, str(error))
            else:
                yield from (Fault(_NAME, str(refused_in(own, state.template, one))) for one in refused)


def refused_in(own: Path, page: str, refused: Refused) -> TemplateInvalid:
    """Return what the policy refuses on a page as the mistake that it is, at the line of one's own that holds it."""
    for file in sorted(own.rglob("*.html")):
        text = file.read_text("utf-8", "replace")
        if found := refused.trace.search(text):
            return TemplateInvalid(str(file), text.count("\n", 0, found.start()) + 1, refused.sentence)
    return TemplateInvalid(str(own / page), None, refused.sentence)


def _unread_files(own: str) -> Iterator[Fault]:
    """Yield files that cannot be read as templates, and those that stand in for nothing and that no other refers to."""
    folder, environment = Path(own).resolve(), page_environment(own)
    ours = {path.name for path in PACKAGED.iterdir()} - _NOT_PAGES
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.html"))}
    referenced: set[str | None] = set()
    parsed: dict[str, Template] = {}
    for name, path in files.items():
        try:
            parsed[name] = environment.parse(path.read_text("utf-8"), filename=str(path))
            referenced |= {*find_referenced_templates(parsed[name])}
        except (OSError, UnicodeDecodeError) as error:
            yield Fault(_NAME, f"{path}: cannot be read: {error}")
        except TemplateError as error:
            yield Fault(_NAME, str(template_invalid(error, str(path))))
    for place, told in inheritance_faults(parsed, environment):
        yield Fault(_NAME, f"{folder}/{place}: {told}")
    for name in files.keys() - ours - referenced if None not in referenced else ():
        close = difflib.get_close_matches(name, ours, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield Fault(_NAME, f"{files[name]}: no page is called so, and no template of yours refers to it{hint}")
