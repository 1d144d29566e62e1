"""What a template extends, and the blocks by which it changes that: Jinja drops one that nothing above it has."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, TemplateError, nodes

from keyturn.pages.page_templates import OURS, PACKAGED


def inheritance_faults(parsed: Mapping[str, nodes.Template], environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield the line of a template and what is wrong there, as "forgot.html:2" and a sentence.

    `parsed` are the templates of one's own by their names.
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
                    close = difflib.get_close_matches(block.name, known, n=1)
                    hint = f"; did you mean {close[0]}?" if close else ""
                    told = f"nothing that it extends has a block {block.name}, so it is never shown{hint}"
                    yield f"{name}:{block.lineno}", told


def _ancestors(
    name: str, template: nodes.Template, environment: Environment
) -> tuple[Sequence[nodes.Template] | None, Sequence[str] | None]:
    """Return what a template extends, nearest first, and by what names it leads back to itself, if it does.

    Nobody knows the ancestors, and they are None, where a name is made while a page is drawn, or one cannot be read:
    drawing it tells why.
    """
    found: list[nodes.Template] = []
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
        found.append(template)
    return found, None


def _file(name: str, environment: Environment) -> str | None:
    """Return the file that a name stands for, None where there is none."""
    assert environment.loader  # it is the pages' own
    try:
        return environment.loader.get_source(environment, name)[1]
    except (TemplateError, UnicodeDecodeError):
        return None


def _outermost_blocks(node: nodes.Node) -> Iterator[nodes.Block]:
    """Yield the blocks that stand in no other: one within another is shown where that is."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Block):
            yield child
        else:
            yield from _outermost_blocks(child)
