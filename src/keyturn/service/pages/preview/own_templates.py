"""Mistakes in custom page templates, reported at the start, before a user meets them.

Jinja drops a block that no parent has, so that is checked here, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, TemplateError, nodes
from jinja2.meta import find_referenced_templates
from jinja2.nodes import Template

from keyturn.errors import Fault, SettingsInvalid, TemplateInvalid
from keyturn.mail.languages import READER, Language, order_of_name
from keyturn.mail.rendering.jinja import template_invalid
from keyturn.service.clock import now
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.preview.states import CHALLENGE_STATES, STATES, PageState, StateSample
from keyturn.service.pages.rendering import OURS, PACKAGED, Pages, PageTemplates, page_environment
from keyturn.service.pages.site import Site
from keyturn.service.reset.passwords.policy import Rule
from keyturn.values import did_you_mean


def draw_state(templates: PageTemplates, state: PageState, sample: StateSample, language: Language) -> str:
    """Return the page as a browser would get it. Raises TemplateInvalid with the file and the line."""
    values = {"account": None, **state.values(sample)}
    values |= {"language": language, "languages": _language_links(sample.site, sample.kind), "csrf_token": "0" * 8}
    return templates.draw(state.template, values | {READER: language}, language, sample.kind)


def _language_links(site: Site, kind: str) -> Sequence[tuple[Language, str]]:
    known = sorted(site.theme(kind).languages.known.values(), key=lambda one: order_of_name(one.name))
    return [(one, f"?lang={one.tag}") for one in known]


_NAME = "pages.templates"
_NOT_PAGES = {"reference.html"}
"""Packaged templates that are no pages for people."""


def require_drawable(pages: Pages) -> None:
    """Raise SettingsInvalid with every mistake in custom templates, by file and line."""
    if faults := template_faults(pages.site, pages.assets, pages.parts.policy.rules):
        raise SettingsInvalid(faults)


def template_faults(site: Site, assets: Assets, rules: Sequence[Rule]) -> Sequence[Fault]:
    """Return every mistake in custom templates, by file and line.

    Each state is drawn for each kind of account, so mistakes in rare states are reported, too.
    """
    if not site.settings.pages.templates:
        return ()
    return [*_unread_files(site.settings.pages.templates)] or [*dict.fromkeys(_undrawable(site, assets, rules))]


def _undrawable(site: Site, assets: Assets, rules: Sequence[Rule]) -> Iterator[Fault]:
    templates = PageTemplates(site, assets, site.settings.pages.templates)
    for kind in ("", *site.themes.kinds):
        sample = StateSample(site, rules, now(), kind)
        language = site.theme(kind).languages.choose("")
        for state in (*STATES, *CHALLENGE_STATES):
            try:
                draw_state(templates, state, sample, language)
            except TemplateInvalid as error:
                yield Fault(_NAME, str(error))


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
    for place, told in _inheritance_faults(parsed, environment):
        yield Fault(_NAME, f"{folder}/{place}: {told}")
    for name in files.keys() - ours - referenced if None not in referenced else ():
        hint = did_you_mean(name, ours)
        yield Fault(_NAME, f"{files[name]}: no page is called so, and no template of yours refers to it{hint}")


def _inheritance_faults(parsed: Mapping[str, nodes.Template], environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield the line of a template and its mistake, as "forgot.html:2" and a sentence.

    `parsed`: the custom templates by their names.
    """
    for name, template in parsed.items():
        known: set[str] = set()
        try:
            for above in _ancestors(name, template, environment):
                known |= {block.name for block in above.find_all(nodes.Block)}
        except _Circle as circle:
            yield f"{name}:{circle}", f"extends itself; Keyturn's file is {OURS}/{name}"
        except (OSError, UnicodeDecodeError, TemplateError):  # drawing the page reports it
            continue
        else:
            for block in _outermost_blocks(template) if template.find(nodes.Extends) else ():
                if block.name not in known:
                    hint = did_you_mean(block.name, known)
                    told = f"nothing that it extends has a block {block.name}, so it is never shown{hint}"
                    yield f"{name}:{block.lineno}", told


class _Circle(Exception):
    """A template extends itself; the text is the line."""


def _ancestors(name: str, template: nodes.Template, environment: Environment) -> Iterator[nodes.Template]:
    """Yield the templates that a template extends, nearest first. Raises _Circle, and the errors of reading them."""
    assert environment.loader  # the loader of the pages
    seen = [environment.loader.get_source(environment, name)[1]]
    first = extends = template.find(nodes.Extends)
    while extends:
        if not isinstance(extends.template, nodes.Const):  # computed while a page is drawn
            raise TemplateError
        source, file, _ = environment.loader.get_source(environment, str(extends.template.value))
        if file in seen:
            raise _Circle(first.lineno) if first and file == seen[0] else TemplateError
        seen.append(file)
        yield (above := environment.parse(source, filename=file))
        extends = above.find(nodes.Extends)


def _outermost_blocks(node: nodes.Node) -> Iterator[nodes.Block]:
    """Yield the blocks outside other blocks: an inner block is shown within the outer one."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Block):
            yield child
        else:
            yield from _outermost_blocks(child)
