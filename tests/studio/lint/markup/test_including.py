"""`<mj-include>`, as folders have it that mjml's own compiler built: read by Jinja, each line known."""

from pathlib import Path

import pytest

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.document import Document, read_document
from keyturn.studio.lint.report import Report
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


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, file: str, text: str) -> None:
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_text(text, "utf-8")

    def page(self, body: str, head: str = "") -> None:
        self.write("news/news.mjml", PAGE.replace("{body}", body).replace("{head}", head))
        self.write("news/news.txt", "Dear {{ name }}\n")
        self.write("news/samples.toml", '[ada]\nname = "Ada"\nrows = ["One", "Two"]\n')

    def gallery(self) -> Gallery:
        return open_gallery(self.path)

    def rendered(self) -> Rendered:
        return self._templates().render_values("news", self._sample().values, self.english)

    def document(self) -> Document:
        return read_document(self._templates(traced=True), "news", self._sample(), self.english)

    def guarded(self) -> Report:
        return check(self.gallery(), checks=())

    @property
    def english(self) -> Language:
        return self.gallery().languages.choose("en")

    def _templates(self, *, traced: bool = False) -> Templates:
        return self.gallery().renderers(with_origins if traced else None)(self._sample())

    def _sample(self) -> Sample:
        return self.gallery().samples("news")["ada"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("./foot.mjml", {"news/foot.mjml": FOOT}),
        ("foot.mjml", {"news/foot.mjml": FOOT, "foot.mjml": FOOT.replace("Dear", "Not dear")}),
        (".\\partials\\foot.mjml", {"news/partials/foot.mjml": FOOT}),
        ("../shared/all.mjml", {"shared/all.mjml": '<mj-include path="./foot.mjml" />', "shared/foot.mjml": FOOT}),
    ],
)
def test_a_path_is_relative_to_its_file_else_to_the_folder(folder: Folder, path: str, files: dict[str, str]) -> None:
    folder.page(f'<mj-include path="{path}" />')
    for file, text in files.items():
        folder.write(file, text)

    assert "Dear Ada" in folder.rendered().html


def test_its_lines_are_those_of_the_included_file(folder: Folder) -> None:
    folder.page('<mj-include\n      path="../shared/foot.mjml"\n    />\n    <mj-section></mj-section>')
    folder.write("shared/foot.mjml", FOOT)

    document = folder.document()

    text = next(iter(document.elements("mj-text")))
    assert str(document.place(text.offset)) == "shared/foot.mjml:3:5"
    after = list(document.elements("mj-section"))[-1]
    assert str(document.place(after.offset)) == "news/news.mjml:7:5"


@pytest.mark.parametrize(
    ("head", "shared"),
    [
        ("", f"<mjml>\n<mj-body>\n{FOOT}</mj-body>\n</mjml>"),
        ("", f"<mjml><mj-body><!-- </mjml> -->{FOOT}</mj-body></mjml>"),
        (
            '<mj-include path="./shared.mjml" />',
            "<mjml><mj-head><mj-style>.a { color: red }</mj-style></mj-head></mjml>",
        ),
    ],
)
def test_a_file_that_is_a_whole_mail_of_its_own_gives_what_it_holds(folder: Folder, head: str, shared: str) -> None:
    folder.page("" if head else '<mj-include path="./shared.mjml" />', head)
    folder.write("news/shared.mjml", shared)

    assert folder.guarded().found == ()
    assert ("color: red" if head else "Dear Ada") in folder.rendered().html
    if not head:
        document = folder.document()
        text = next(iter(document.elements("mj-text")))
        assert document.place(text.offset).file == "news/shared.mjml"


def test_styles_and_html_are_included_as_what_they_are(folder: Folder) -> None:
    folder.page(
        '<mj-include path="./mark.html" type="html" />',
        '<mj-include path="./plain.css" type="css" /><mj-include path="./tags.css" type="css" css-inline="inline" />',
    )
    folder.write("news/plain.css", ".plain { color: red }")
    folder.write("news/tags.css", ".mark { color: #14614b }")
    folder.write("news/mark.html", '<div class="mark">{{ name }}</div>')

    html = folder.rendered().html

    assert '<style type="text/css">.plain { color: red }</style>' in html
    assert '<div style="color:#14614b;" class="mark">Ada</div>' in html


def test_a_missing_file_is_one_finding_at_its_place(folder: Folder) -> None:
    folder.page('<mj-include path="../shared/feet.mjml" />')
    folder.write("shared/foot.mjml", FOOT)

    (found,) = folder.guarded().found

    assert (found.rule, str(found.place)) == ("mjml/missing-include", "news/news.mjml:4:5")
    assert found.message == "The file to include does not exist: shared/feet.mjml."
    assert found.fix == "Did you mean shared/foot.mjml?"
    with pytest.raises(TemplateInvalid, match=r"news\.mjml:4"):
        folder.rendered()


def test_a_path_out_of_the_folder_is_refused(folder: Folder) -> None:
    folder.page('<mj-include path="../../foot.mjml" />')
    (folder.path.parent / "foot.mjml").write_text(FOOT, "utf-8")

    (found,) = folder.guarded().found

    assert found.rule == "mjml/missing-include"
    assert "leads out of the folder" in found.message
