"""The attributes that MJML's own compiler reads and ours does not are those that the checks know.

`python -m tests.studio.lint.markup.test_unread_attributes` writes the list of today.
"""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.packages import install_packages
from tests.programs import require_program

from keyturn.mail.rendering.compiling import to_html
from keyturn.studio.lint.markup.structure import schema, unread_attributes

pytestmark = [pytest.mark.long, pytest.mark.nightly]

DATA = Path(__file__).parents[4] / "src/keyturn/studio/lint/markup/data/unread-attributes.json"
AROUND = "<mj-section><mj-column>{}</mj-column></mj-section>"
IMAGE = 'src="https://a.example/a.png" href="https://a.example"'
ACCORDION = """<mj-accordion><mj-accordion-element><mj-accordion-title>Title</mj-accordion-title>
<mj-accordion-text>Text</mj-accordion-text></mj-accordion-element></mj-accordion>"""
BODIES = {
    "mj-hero": '<mj-hero background-url="https://a.example/a.png"><mj-text>Hi</mj-text></mj-hero>',
    "mj-wrapper": f"<mj-wrapper>{AROUND.format('<mj-text>Hi</mj-text>')}</mj-wrapper>",
    "mj-group": (
        f"<mj-section><mj-group>{'<mj-column><mj-text>Hi</mj-text></mj-column>' * 2}"
        "</mj-group></mj-section>"
    ),
    "mj-section": '<mj-section background-url="https://a.example/b.png"><mj-column></mj-column></mj-section>',
    "mj-button": AROUND.format('<mj-button href="https://a.example">Go</mj-button>'),
    "mj-image": AROUND.format(f"<mj-image {IMAGE}></mj-image>"),
    "mj-table": AROUND.format("<mj-table><tr><td>x</td></tr></mj-table>"),
    "mj-social": AROUND.format(
        '<mj-social><mj-social-element name="facebook" href="https://a.example">F</mj-social-element></mj-social>'
    ),
    "mj-navbar": AROUND.format(
        '<mj-navbar><mj-navbar-link href="/a">A</mj-navbar-link></mj-navbar>'
    ),
    "mj-carousel": AROUND.format(
        f"<mj-carousel>{f'<mj-carousel-image {IMAGE}></mj-carousel-image>' * 2}</mj-carousel>"
    ),
    "mj-accordion": AROUND.format(ACCORDION),
    "mj-divider": AROUND.format("<mj-divider></mj-divider>"),
    "mj-spacer": AROUND.format("<mj-spacer></mj-spacer>"),
}
WRITTEN = {
    "src": "https://x.example/z.png",
    "href": "https://x.example/z",
    "border": "3px solid red",
    "role": "none",
}
OF_ONE_RUN = re.compile(r"(?:mj-)?carousel-[\w-]+|\b[0-9a-f]{8,}\b")


def values_of(attribute: str, kind: str) -> list[str]:
    if kind == "boolean":
        return ["true", "false"]
    if kind.startswith("enum"):
        return re.findall(r"[\w -]+", kind[5:])
    return [
        {"color": "#123456", "integer": "7"}.get(kind)
        or ("17px" if "px" in kind else WRITTEN.get(attribute, "zz"))
    ]


def document(tag: str, attributes: str = "", head: str = "") -> str:
    family = next((one for one in BODIES if tag.startswith(one)), "")
    body = f"<mj-body>{BODIES.get(family) or AROUND.format('<mj-text>Hi</mj-text>')}</mj-body>"
    name = attributes.strip().partition("=")[0]
    given = re.sub(
        rf"<{tag}(?=[ >])[^>]*",
        lambda found: re.sub(rf' {name}="[^"]*"', "", found[0]) + attributes,
        body,
        count=1,
    )
    return f"<mjml><mj-head><mj-attributes>{head}</mj-attributes></mj-head>{given}</mjml>"


def trials() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield tag, attribute, way of writing, and the documents without and with it."""
    for tag, rules in schema().elements.items():
        for attribute, kind in (
            rules.attributes.items() if not rules.head and tag not in {"mjml", "mj-raw"} else ()
        ):
            for value in values_of(attribute, kind):
                written = f' {attribute}="{value}"'
                plain, classed = document(tag), document(tag, ' mj-class="k"')
                yield tag, attribute, "inline", plain, document(tag, written)
                yield (
                    tag,
                    attribute,
                    "mj-attributes",
                    plain,
                    document(tag, head=f"<{tag}{written} />"),
                )
                rule = f'<mj-class name="k"{written} />'
                yield tag, attribute, "mj-class", classed, document(tag, ' mj-class="k"', rule)


def compare() -> dict[str, dict[str, list[str]]]:
    """Return the ways of writing an attribute that change the HTML of MJML's own compiler alone."""
    node = require_program("node", "nodejs")
    documents = list(dict.fromkeys(one for trial in trials() for one in trial[3:]))
    with TemporaryDirectory() as made:
        shutil.copytree(Path(__file__).parent / "reference", made, dirs_exist_ok=True)
        install_packages(Path(made))
        command, given = [node, "--preserve-symlinks", "compile.js"], json.dumps(documents)
        done = subprocess.run(
            command, cwd=made, input=given, capture_output=True, text=True, check=True
        )
    theirs = dict(
        zip(documents, (OF_ONE_RUN.sub("", one) for one in json.loads(done.stdout)), strict=True)
    )
    ours = {one: OF_ONE_RUN.sub("", to_html(one)) for one in documents}
    changes: dict[tuple[str, str, str], tuple[bool, bool]] = defaultdict(lambda: (False, False))
    for *way, plain, given in trials():
        seen = changes[way[0], way[1], way[2]]
        changes[way[0], way[1], way[2]] = (
            seen[0] or theirs[plain] != theirs[given],
            seen[1] or ours[plain] != ours[given],
        )
    unread: dict[str, dict[str, list[str]]] = {}
    for (tag, attribute, how), (counts_there, counts_here) in changes.items():
        if counts_there and not counts_here:
            unread.setdefault(tag, {}).setdefault(attribute, []).append(how)
    return unread


def test_the_attributes_that_the_compiler_does_not_read_are_known() -> None:
    assert compare() == unread_attributes()


if __name__ == "__main__":
    DATA.write_text(json.dumps(compare()) + "\n", "utf-8")
