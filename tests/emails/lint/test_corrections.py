"""The right words that findings know: replaced where they say so, the finding is gone, and no error is new."""

from pathlib import Path

import pytest

from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.finding import Finding

MAIL = """<mjml><mj-head><mj-style>{style}</mj-style>
<mj-attributes><mj-class name="small" font-size="12px" /></mj-attributes></mj-head>
<mj-body><mj-section><mj-column>
{inside}
<mj-text css-class="card">Boats</mj-text></mj-column></mj-section></mj-body></mjml>"""
OTHERS = {
    "mail.samples.toml": '[one]\nname = "Ada"\ncolour = "gren"\n[one.order]\ntotal = 1\n',
    "_parts/foot.mjml": "<mj-text>Northwind</mj-text>",
}


def examined(gallery: Gallery) -> dict[tuple[str, str], Finding]:
    return {(one.rule, one.message): one for one in check(gallery).found}


def written(folder: Path, name: str, source: str) -> None:
    for file, text in {**OTHERS, name: source}.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text, "utf-8")


def corrected(source: str, found: Finding) -> str:
    """Return the source with the right word, as an editor writes it."""
    assert found.correction
    lines = source.split("\n")
    for place in sorted(found.corrects, reverse=True):
        line, at, wrong = lines[place.line - 1], place.column - 1, found.correction.wrong
        assert line[at : at + len(wrong)].lower() == wrong.lower()
        lines[place.line - 1] = line[:at] + found.correction.right + line[at + len(wrong) :]
    return "\n".join(lines)


def check_and_correct(gallery: Gallery, file: str, rule: str) -> str:
    """Return the corrected source, in which no error is new and the finding of this rule is gone."""
    before, path = examined(gallery), gallery.folder / file
    (key,) = [key for key in before if key[0] == rule]
    path.write_text(after := corrected(path.read_text("utf-8"), before[key]), "utf-8")
    left = examined(gallery)
    assert key not in left
    assert {found for found, one in left.items() if one.severity == "error"} <= set(before)
    return after


@pytest.mark.parametrize(
    ("wrong", "right", "rule"),
    [
        ("<mj-txt>mj-txt</mj-txt>", "<mj-text>mj-txt</mj-text>", "mjml/unknown-element"),
        ("<mj-Text>🎉</mj-Text>", "<mj-text>🎉</mj-text>", "mjml/unknown-element"),
        ('<mj-spacr height="9px" />', '<mj-spacer height="9px" />', "mjml/unknown-element"),
        ("<text>\n</text>", "<mj-text>\n</mj-text>", "mjml/unknown-element"),
        ('<mj-text algin="left">a</mj-text>', '<mj-text align="left">a</mj-text>', "mjml/unknown-attribute"),
        ('<mj-text\n  algin="left">a</mj-text>', '<mj-text\n  align="left">a</mj-text>', "mjml/unknown-attribute"),
        ('<mj-text align="centre">a</mj-text>', '<mj-text align="center">a</mj-text>', "mjml/wrong-value"),
        ('<mj-text color="darkgren">a</mj-text>', '<mj-text color="darkgreen">a</mj-text>', "mjml/wrong-value"),
        ('<mj-text color="14614b">a</mj-text>', '<mj-text color="#14614b">a</mj-text>', "mjml/wrong-value"),
        ('<mj-text padding="10 0">a</mj-text>', '<mj-text padding="10px 0">a</mj-text>', "mjml/wrong-value"),
        ('<mj-text mj-class="smal">a</mj-text>', '<mj-text mj-class="small">a</mj-text>', "mjml/undefined-class"),
        ("<mj-text>{{ uper|uper }}</mj-text>", "<mj-text>{{ uper|upper }}</mj-text>", "jinja/unknown-filter"),
        ("<mj-text>{{ nmae }}</mj-text>", "<mj-text>{{ name }}</mj-text>", "jinja/undefined"),
        ("<mj-text>{{ order.totl }}</mj-text>", "<mj-text>{{ order.total }}</mj-text>", "jinja/undefined"),
        ('{% include "_parts/fot.mjml" %}', '{% include "_parts/foot.mjml" %}', "jinja/missing-template"),
        ('<mj-include path="_parts/fot.mjml" />', '<mj-include path="_parts/foot.mjml" />', "mjml/missing-include"),
        (
            '<mj-button href="htps://a.example">a</mj-button>',
            '<mj-button href="https://a.example">a</mj-button>',
            "links/unknown-scheme",
        ),
    ],
)
def test_the_right_word_replaces_the_wrong_one_and_the_finding_is_gone(
    tmp_path: Path, wrong: str, right: str, rule: str
) -> None:
    written(tmp_path, "mail.mjml", MAIL.format(style="", inside=wrong))

    assert right in check_and_correct(open_gallery(tmp_path), "mail.mjml", rule)


def test_a_selector_gets_the_class_that_elements_have(tmp_path: Path) -> None:
    written(tmp_path, "mail.mjml", MAIL.format(style="p, .crd { color: #333333 }", inside=""))

    assert "p, .card {" in check_and_correct(open_gallery(tmp_path), "mail.mjml", "styles/unused")


@pytest.mark.parametrize(
    "inside",
    [
        '<mj-text color="{{ colour }}" align="{{ name }}">gren</mj-text>',
        "{% set a = 'algin' %}<mj-text {{ a }}=\"left\">algin</mj-text>",
    ],
    ids=["a value of the sample", "an attribute from elsewhere"],
)
def test_a_word_that_is_not_in_the_tag_is_not_replaced(tmp_path: Path, inside: str) -> None:
    written(tmp_path, "mail.mjml", MAIL.format(style="", inside=inside))
    errors = [one for one in check(open_gallery(tmp_path)).found if one.severity == "error"]

    assert any(one.correction for one in errors)
    assert not any(one.corrects for one in errors)
