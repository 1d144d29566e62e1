"""`<mj-include>`, as folders have it that mjml's own compiler built: read by Jinja, each line
known.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.studio.folders import written

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.document import Document, read_document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.source.origins import with_origins

PAGE = """<mjml lang="en">
  <mj-head>{head}<mj-title>News</mj-title></mj-head>
  <mj-body>
    {body}
  </mj-body>
</mjml>
"""
FOOT = """<mj-section>
  <mj-column>
    <mj-text>Dear {{ name }}</mj-text>
  </mj-column>
</mj-section>
"""


def folder(path: Path, body: str, files: Mapping[str, str], head: str = "") -> Gallery:
    page = {
        "news/news.mjml": PAGE.replace("{body}", body).replace("{head}", head),
        "news/news.txt": "Dear {{ name }}\n",
        "news/samples.toml": '[ada]\nname = "Ada"\n',
    }
    return open_gallery(written(path, {**page, **files}))


def html_of(gallery: Gallery) -> str:
    sample = gallery.samples("news")["ada"]
    return (
        gallery.sample_templates()(sample)
        .render_values("news", sample.values, gallery.languages.choose("en"))
        .html
    )


def document(gallery: Gallery) -> Document:
    sample = gallery.samples("news")["ada"]
    return read_document(
        gallery.sample_templates(with_origins)(sample),
        "news",
        sample,
        gallery.languages.choose("en"),
    )


def guarded(gallery: Gallery) -> list[Finding]:
    return list(check_gallery(gallery, checks=()).found)


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("./foot.mjml", {"news/foot.mjml": FOOT}),
        ("foot.mjml", {"news/foot.mjml": FOOT, "foot.mjml": FOOT.replace("Dear", "Not dear")}),
        (".\\partials\\foot.mjml", {"news/partials/foot.mjml": FOOT}),
        (
            "../shared/all.mjml",
            {"shared/all.mjml": '<mj-include path="./foot.mjml" />', "shared/foot.mjml": FOOT},
        ),
    ],
)
def test_a_path_is_relative_to_its_file_else_to_the_folder(
    tmp_path: Path, path: str, files: dict[str, str]
) -> None:
    assert "Dear Ada" in html_of(folder(tmp_path, f'<mj-include path="{path}" />', files))


def test_its_lines_are_those_of_the_included_file(tmp_path: Path) -> None:
    body = '<mj-include\n      path="../shared/foot.mjml"\n    />\n    <mj-section></mj-section>'
    read = document(folder(tmp_path, body, {"shared/foot.mjml": FOOT}))
    text = next(iter(read.elements("mj-text")))
    assert str(read.place(text.offset)) == "shared/foot.mjml:3:5"
    after = list(read.elements("mj-section"))[-1]
    assert str(read.place(after.offset)) == "news/news.mjml:7:5"


@pytest.mark.parametrize(
    "shared",
    [
        f"<mjml>\n<mj-body>\n{FOOT}</mj-body>\n</mjml>",
        f"<mjml><mj-body><!-- </mjml> -->{FOOT}</mj-body></mjml>",
        "<mjml><mj-head><mj-style>.a { color: red }</mj-style></mj-head></mjml>",
    ],
)
def test_a_file_that_is_a_whole_mail_of_its_own_gives_what_it_holds(
    tmp_path: Path, shared: str
) -> None:
    include, is_head = '<mj-include path="./shared.mjml" />', "mj-head" in shared
    bodies = ("", include) if is_head else (include, "")
    gallery = folder(tmp_path, bodies[0], {"news/shared.mjml": shared}, bodies[1])
    assert guarded(gallery) == []
    assert ("color: red" if is_head else "Dear Ada") in html_of(gallery)


def test_styles_and_html_are_included_as_what_they_are(tmp_path: Path) -> None:
    files = {
        "news/plain.css": ".plain { color: red }",
        "news/tags.css": ".mark { color: #14614b }",
        "news/mark.html": '<div class="mark">{{ name }}</div>',
    }
    head = (
        '<mj-include path="./plain.css" type="css" /><mj-include path="./tags.css" type="css" '
        'css-inline="inline" />'
    )
    html = html_of(folder(tmp_path, '<mj-include path="./mark.html" type="html" />', files, head))
    assert '<style type="text/css">.plain { color: red }</style>' in html
    assert '<div style="color:#14614b;" class="mark">Ada</div>' in html


HEADS = {
    "news/css/first.css": ".first { color: red }",
    "news/css/tags.css": ".mark { color: #14614b }",
    "news/part.mjml": """<mjml>
<mj-head>
  <mj-attributes><mj-text color="#123456" /></mj-attributes>
  <mj-style>.part { margin: 0 }</mj-style>
  <mj-style>.part { colour: #222222 }</mj-style>
</mj-head>
<mj-body>
  <mj-section><mj-column>
    <mj-text><p class="mark part">Dear {{ name }}</p></mj-text>
  </mj-column></mj-section>
  <mj-include path="./css/tags.css" type="css" css-inline="inline" />
</mj-body>
</mjml>""",
}
INCLUDES = '<mj-include path="./css/first.css" type="css" />\n    <mj-include path="./part.mjml" />'


def test_head_of_included(tmp_path: Path) -> None:
    """Stylesheets, and the head of an included document, act in the head of the mail, wherever they
    are included.
    """
    gallery = folder(tmp_path, INCLUDES, HEADS, "<mj-style>.own { color: blue }</mj-style>")
    assert guarded(gallery) == []
    html = html_of(gallery)
    styles = (
        html.index(".own {"),
        html.index(".part {"),
        html.index(".first {"),
        html.index("<body"),
    )
    assert styles == tuple(sorted(styles))  # the order of MJML's own compiler
    assert "color:#123456" in html
    assert re.search(r'<p style="color:#14614b;" [^>]*>Dear Ada', html)
    assert ".first" not in html.partition("<body")[2]


def test_head_of_included_without_own(tmp_path: Path) -> None:
    """A mail without a head gets one from what it includes."""
    page = f"<mjml><mj-body>{INCLUDES}</mj-body></mjml>"
    gallery = folder(tmp_path, "", {**HEADS, "news/news.mjml": page})
    assert guarded(gallery) == []
    assert ".first { color: red }" in html_of(gallery).partition("<body")[0]


def test_included_head_without_end(tmp_path: Path) -> None:
    """An included head without an end tag is a finding at its start tag, also if the mail has no
    head of its own.
    """
    part = "<mjml>\n  <mj-head><mj-title>News</mj-title>\n</mjml>"
    page = '<mjml><mj-body><mj-include path="./part.mjml" /></mj-body></mjml>'
    gallery = folder(tmp_path, "", {"news/part.mjml": part, "news/news.mjml": page})
    places = {one.rule: str(one.place) for one in guarded(gallery)}
    assert places["mjml/unclosed-tag"] == "news/part.mjml:2:3"


def test_lines_of_included_head(tmp_path: Path) -> None:
    """A mistake in an included head has its line in the included file, and later mistakes have
    theirs.
    """
    wrong = {
        **HEADS,
        "news/part.mjml": HEADS["news/part.mjml"].replace('<mj-text color="', '<mj-text colour="'),
    }
    gallery = folder(tmp_path, f"{INCLUDES}\n    <mj-section colour='red'></mj-section>", wrong)
    places = [str(one.place) for one in guarded(gallery)]
    assert places == ["news/news.mjml:6:17", "news/part.mjml:3:27"]


def test_a_missing_file_is_one_finding_at_its_place(tmp_path: Path) -> None:
    gallery = folder(
        tmp_path, '<mj-include path="../shared/feet.mjml" />', {"shared/foot.mjml": FOOT}
    )
    (found,) = guarded(gallery)
    assert (found.rule, str(found.place)) == ("mjml/missing-include", "news/news.mjml:4:5")
    assert found.message == "The file to include does not exist: shared/feet.mjml."
    assert found.fix == "Did you mean shared/foot.mjml?"
    with pytest.raises(TemplateInvalid, match=r"news\.mjml:4"):
        html_of(gallery)


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    written(tmp_path, {"foot.mjml": FOOT})
    (found,) = guarded(folder(tmp_path / "mails", '<mj-include path="../../foot.mjml" />', {}))
    assert found.rule == "mjml/missing-include"
    assert "leads out of the folder" in found.message
