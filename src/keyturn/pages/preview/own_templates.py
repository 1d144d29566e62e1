"""Mistakes in custom page templates, reported at the start, before a user meets them.

A browser reports what the Content-Security-Policy refuses only on its console, and Jinja drops a block that no parent
has. So both are checked here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, TemplateError, nodes
from jinja2.meta import find_referenced_templates
from jinja2.nodes import Template

from keyturn.database import now
from keyturn.errors import Fault, SettingsInvalid, TemplateInvalid
from keyturn.languages import READER, Language, order_of_name
from keyturn.mail.rendering.html_tree import Element, parse_html
from keyturn.mail.rendering.jinja import template_invalid
from keyturn.pages.assets import Assets
from keyturn.pages.preview.states import CHALLENGE_STATES, STATES, PageState, StateSample
from keyturn.pages.rendering import OURS, PACKAGED, PageTemplates, page_environment
from keyturn.pages.site import Site, TemplateSite
from keyturn.reset.passwords.policy import Rule
from keyturn.settings.building import did_you_mean

_STYLE = "write it in the file of brand.stylesheet"
_NEVER = frozenset(("applet", "audio", "base", "embed", "frame", "iframe", "object", "video"))
"""Elements whose every content is refused: `pages/security.py` names no source for them."""

_LOADS = {"img": ("src", "srcset"), "input": ("src",), "link": ("href",), "script": ("src",), "source": ("srcset",)}
_LOADING_LINKS = frozenset(("stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest"))
_DATA = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)
"""Types of a script that is not run (HTML, 4.12.1), and so not refused."""


_LONGEST_SHOWN = 80
"""Characters of an address: it may hold a whole picture."""


class PolicyRefusal(NamedTuple):
    """Something that browsers leave out. `trace`: its pattern in the source. `sentence`: what, and why."""

    trace: re.Pattern[str]
    sentence: str


def refused_by_policy(html: str) -> Iterator[PolicyRefusal]:
    """Yield what the policy of a page refuses (CSP Level 3, 6.1 and 6.7.2), each sentence once."""
    seen: set[str] = set()
    for element in parse_html(html).walk():
        for refused in (*_element(element), *_attributes(element), *_loaded(element)):
            if refused.sentence not in seen:
                seen.add(refused.sentence)
                yield refused


def _element(element: Element) -> Iterator[PolicyRefusal]:
    if element.tag in _NEVER:
        yield _refusal(f"<{element.tag}", f"a <{element.tag}>")
    elif element.tag == "style":
        yield _refusal("<style", "a <style>", _STYLE)
    elif element.tag == "script" and "src" not in element.attributes and not _DATA.fullmatch(element.get("type")):
        yield _refusal("<script", "an inline <script>")


def _attributes(element: Element) -> Iterator[PolicyRefusal]:
    for written in element.attributes:
        name = written.lower()
        if name == "style":
            yield _refusal("style=", 'a style="..."', _STYLE)
        elif name.startswith("on"):
            yield _refusal(f"{name}=", f'an {name}="..."')


def _loaded(element: Element) -> Iterator[PolicyRefusal]:
    if element.tag == "link" and _LOADING_LINKS.isdisjoint(element.get("rel").lower().split()):
        return
    for name in _LOADS.get(element.tag, ()):
        value = element.get(name)
        urls = [part.split()[0] for part in value.split(",") if part.split()] if name == "srcset" else [value.strip()]
        for url in urls:
            if _is_foreign(url):
                shown = url if len(url) <= _LONGEST_SHOWN else f"{url[:_LONGEST_SHOWN]}..."
                yield _refusal(url, f"what is loaded from {shown}", "a page loads Keyturn's files and the brand's")


def _is_foreign(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return bool(parts.scheme or parts.netloc)


def _refusal(trace: str, what: str, instead: str = "") -> PolicyRefusal:
    pattern = re.compile(re.escape(trace).replace("=", r"\s*="), re.IGNORECASE)
    return PolicyRefusal(
        pattern, f"the pages' Content-Security-Policy refuses {what}" + (f": {instead}" if instead else "")
    )


def draw_state(templates: PageTemplates, state: PageState, sample: StateSample, language: Language) -> str:
    """Return the page as a browser would get it. Raises TemplateInvalid with the file and the line."""
    values = {"account": None, **state.values(sample)}
    values |= {"language": language, "languages": _language_links(sample.site, sample.kind), "csrf_token": "0" * 8}
    return templates.draw(state.template, values | {READER: language}, language, sample.kind)


def refused_of_state(
    templates: PageTemplates, state: PageState, sample: StateSample, language: Language
) -> Sequence[PolicyRefusal]:
    """Return what browsers leave out of the page, but not of the packaged page. Raises as `draw_state`."""
    refused = [*refused_by_policy(draw_state(templates, state, sample, language))]
    if not refused:
        return ()
    # The policy names the hosts of a brand's logo and of a challenge, which are on the packaged page as well.
    let_in = {*refused_by_policy(draw_state(templates.packaged(), state, sample, language))}
    return [one for one in refused if one not in let_in]


def _language_links(site: TemplateSite, kind: str) -> Sequence[tuple[Language, str]]:
    known = sorted(site.theme(kind).languages.known.values(), key=lambda one: order_of_name(one.name))
    return [(one, f"?lang={one.tag}") for one in known]


_NAME = "pages.templates"
_NOT_PAGES = {"reference.html"}
"""Packaged templates that are no pages for people."""


def require_drawable(site: Site, assets: Assets) -> None:
    """Raise SettingsInvalid with every mistake in custom templates, by file and line."""
    if site.templates and (faults := template_faults(site, assets, site.policy.rules)):
        raise SettingsInvalid(faults)


def template_faults(site: TemplateSite, assets: Assets, rules: Sequence[Rule]) -> Sequence[Fault]:
    """Return every mistake in custom templates, by file and line.

    Each state is drawn for each kind of account, so mistakes in rare states are reported, too.
    """
    if not site.templates:
        return ()
    return [*_unread_files(site.templates)] or [*dict.fromkeys(_undrawable(site, assets, rules))]


def _undrawable(site: TemplateSite, assets: Assets, rules: Sequence[Rule]) -> Iterator[Fault]:
    templates = PageTemplates(site, assets)
    own = Path(site.templates).resolve()
    for kind in ("", *site.kinds):
        sample = StateSample(site, rules, now(), kind)
        language = site.theme(kind).languages.choose("")
        for state in (*STATES, *CHALLENGE_STATES):
            try:
                refused = refused_of_state(templates, state, sample, language)
            except TemplateInvalid as error:
                yield Fault(_NAME, str(error))
            else:
                yield from (Fault(_NAME, str(refused_in(own, state.template, one))) for one in refused)


def refused_in(own: Path, page: str, refused: PolicyRefusal) -> TemplateInvalid:
    """Return the refusal as a mistake, at the line of the custom template that causes it."""
    for file in sorted(own.rglob("*.html")):
        text = file.read_text("utf-8", "replace")
        if match := refused.trace.search(text):
            return TemplateInvalid(str(file), text.count("\n", 0, match.start()) + 1, refused.sentence)
    return TemplateInvalid(str(own / page), None, refused.sentence)


def _unread_files(own: str) -> Iterator[Fault]:
    """Yield unreadable templates, and unused ones: they replace nothing, and no other refers to them."""
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
        hint = did_you_mean(name, ours)
        yield Fault(_NAME, f"{files[name]}: no page is called so, and no template of yours refers to it{hint}")


def inheritance_faults(parsed: Mapping[str, nodes.Template], environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield the line of a template and its mistake, as "forgot.html:2" and a sentence.

    `parsed`: the custom templates by their names.
    """
    for name, template in parsed.items():
        extends = template.find(nodes.Extends)
        above, circle = _ancestors(name, template, environment)
        if extends and circle is not None:
            begin = f'; begin with {{% extends "{OURS}/{name}" %}}' if (PACKAGED / name).is_file() else ""
            way = f" by way of {' and '.join(circle)}" if circle else ""
            yield f"{name}:{extends.lineno}", f"extends itself{way}{begin}"
        elif extends and above is not None:
            known = {block.name for one in above for block in one.find_all(nodes.Block)}
            for block in _outermost_blocks(template):
                if block.name not in known:
                    hint = did_you_mean(block.name, known)
                    told = f"nothing that it extends has a block {block.name}, so it is never shown{hint}"
                    yield f"{name}:{block.lineno}", told


def _ancestors(
    name: str, template: nodes.Template, environment: Environment
) -> tuple[Sequence[nodes.Template] | None, Sequence[str] | None]:
    """Return the templates that a template extends, nearest first, and the names on a circle back to itself.

    The ancestors are None if a name is computed while a page is drawn, or if one cannot be read: drawing the page
    reports that.
    """
    ancestors: list[nodes.Template] = []
    names: list[str] = []
    seen = {_file(name, environment)}
    while extends := template.find(nodes.Extends):
        if not isinstance(extends.template, nodes.Const):
            return None, None
        above = str(extends.template.value)
        file = _file(above, environment)
        if file in seen:
            return None, names if file == _file(name, environment) else None
        if file is None:
            return None, None
        try:
            template = environment.parse(Path(file).read_text("utf-8"), filename=file)
        except (OSError, UnicodeDecodeError, TemplateError):
            return None, None
        seen.add(file)
        names.append(above)
        ancestors.append(template)
    return ancestors, None


def _file(name: str, environment: Environment) -> str | None:
    """Return the file of a template, or None."""
    assert environment.loader  # the loader of the pages
    try:
        return environment.loader.get_source(environment, name)[1]
    except (TemplateError, UnicodeDecodeError):
        return None


def _outermost_blocks(node: nodes.Node) -> Iterator[nodes.Block]:
    """Yield the blocks outside other blocks: an inner block is shown within the outer one."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Block):
            yield child
        else:
            yield from _outermost_blocks(child)
