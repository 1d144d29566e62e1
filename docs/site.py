"""Completes the documentation site: pages from elsewhere in the repository, generated references,
text for programs.

The pages in docs/ are written for readers on the repository's host. Here their lists and links are
adapted for mkdocs.
"""

import posixpath
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from textwrap import indent

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

import keyturn
import keyturn.testing
from keyturn.probe.attack import ATTACKS
from keyturn.studio.lint.explaining import all_rules

_CHECKOUT = Path(__file__).parents[1]

_ELSEWHERE = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "AGENTS.md": "agents.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""Pages outside docs/, and their names on the site."""

_PAGES: list[Page] = []

_LINK = re.compile(
    r'(?<=\]\()(?!\w+:|#)([^)\s#]+)|(?<=src=")(?!\w+:)([^"]+)|(?<=srcset=")(?!\w+:)([^"]+)'
)
_FENCE = re.compile(r"^( *)(```+|~~~+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/, and the files to deploy with, for operators without a
    clone.
    """
    for source, name in _ELSEWHERE.items():
        files.append(File.generated(config, name, content=(_CHECKOUT / source).read_text("utf-8")))
    for file in sorted(path for path in (_CHECKOUT / "deploy").rglob("*") if _is_published(path)):
        files.append(
            File.generated(config, file.relative_to(_CHECKOUT).as_posix(), abs_src_path=str(file))
        )
    files.append(File.generated(config, "reference/commands.md", content=_COMMANDS))
    files.append(File.generated(config, "python.md", content=_python()))
    files.append(File.generated(config, "reference/rules.md", content=_rules()))
    files.append(File.generated(config, "reference/attacks.md", content=_attacks()))
    return files


def _rules() -> str:
    """Return the page about all rules of `keyturn check`."""
    lines = [
        "# Rules of `keyturn check`",
        "",
        "For designers and developers: what `keyturn check --explain` says of each rule.",
        "",
    ]
    for about in all_rules():
        examples = [
            f"* {name}:\n\n    ```\n{indent(text, '    ')}\n    ```\n"
            for name, text in about.examples.items()
        ]
        lines += [
            f"## {about.name}",
            "",
            f"**{_escaped(about.severity_in_words.capitalize())}.** {_escaped(about.what)}",
            "",
        ]
        lines += [f"* {_escaped(about.why)}", f"* {_escaped(about.fix)}", *examples, ""]
    return "\n".join(lines)


def _attacks() -> str:
    """Return the page about all attacks of `keyturn probe`."""
    lines = [
        "# Attacks of `keyturn probe`",
        "",
        "For developers: what the probe tries, what an attacker gains by it, and how to fix it.",
        "",
    ]
    for attack in ATTACKS.values():
        lines += [
            f"## {attack.name}",
            "",
            f"**{_escaped(attack.title)}.** {_escaped(attack.gain)}",
            "",
            f"* Fix: {_escaped(attack.fix)}",
            f"* Authority: {_escaped(', '.join(attack.authority))}",
            "",
        ]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return escape(text, quote=False).replace("*", "\\*")


def _is_published(path: Path) -> bool:
    """Tell whether a path of deploy/ is a file for everybody.

    Operators keep the secrets of Compose beside its file.
    """
    return path.is_file() and path.suffix != ".md" and path.parent.name != "secrets"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Adapt the links and the lists of a page."""
    here = {name: source for source, name in _ELSEWHERE.items()}.get(
        page.file.src_uri, f"docs/{page.file.src_uri}"
    )
    folder = posixpath.dirname(here)

    def adapted(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[0]))
        if target in _ELSEWHERE:
            found = _ELSEWHERE[target]
        elif target.startswith("docs/") and files.get_file_from_path(target.removeprefix("docs/")):
            found = target.removeprefix("docs/")
        elif target.startswith("deploy/") and files.get_file_from_path(target):
            found = target
        elif (_CHECKOUT / target).exists():
            return f"{config.extra['repository']}/blob/main/{target}"
        else:
            return link[0]  # mkdocs says that it leads nowhere
        return posixpath.relpath(found, posixpath.dirname(page.file.src_uri) or ".")

    markdown = _LINK.sub(adapted, markdown)
    page.meta["text"] = markdown
    return "\n".join(_lists_of_four(markdown))


def on_nav(nav: Navigation, **_: object) -> None:
    """Keep the order of the pages for llms.txt."""
    _PAGES[:] = nav.pages


def on_post_build(config: MkDocsConfig) -> None:
    """Write the Markdown version of each page, and llms.txt, which lists them
    (https://llmstxt.org/).
    """
    lines = [f"# {config.site_name}", "", f"> {config.site_description}"]
    section = None
    for page in _PAGES:
        text = page.meta["text"]
        file = Path(config.site_dir) / page.file.src_uri
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        if page.parent and page.parent is not section:
            section = page.parent
            lines += ["", f"## {section.title}", ""]
        lines.append(f"- [{page.title}]({page.file.src_uri}): {_first_sentence(text)}")
    (Path(config.site_dir) / "llms.txt").write_text("\n".join([*lines, ""]), "utf-8")


def _first_sentence(text: str) -> str:
    """Return the first sentence of prose that says more than whom a page is for,
    without its links.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        if re.match(r"\w", paragraph):
            prose = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
            first, *rest = re.split(r"(?<=\.) ", prose)
            return (
                rest[0]
                if rest
                and first.startswith(("This page is for", "This guide is for"))
                and len(first) < 120
                else first
            )
    return ""


def _lists_of_four(markdown: str) -> Iterator[str]:
    """Yield the lines with lists indented by four, as Python-Markdown requires, and not by two or
    three.
    """
    fence, shift = "", 0
    for line in markdown.split("\n"):
        found = _FENCE.match(line)
        if fence:
            yield " " * shift + line if line else line
            if found and found[2].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        indent = len(line) - len(line.lstrip(" "))
        wanted = 4 * -(-indent // 3)
        if found:
            fence, shift = found[2], wanted - indent
        yield " " * wanted + line.lstrip(" ") if line.strip() else ""


_COMMANDS = """# Commands

For operators and developers: every command, with its options.
`keyturn COMMAND --help` prints the same.

::: mkdocs-click
    :module: keyturn.cli
    :command: keyturn
    :prog_name: keyturn
    :depth: 1
    :style: plain
"""


def _python() -> str:
    """Return the page of the public names."""
    lines = [
        "# Python",
        "",
        "For developers: the public names. They change only with a new major version.",
        "",
    ]
    for module in (keyturn, keyturn.testing):
        for name in module.__all__:
            lines += [f"::: {getattr(module, name).__module__}.{name}", ""]
    return "\n".join(lines)
