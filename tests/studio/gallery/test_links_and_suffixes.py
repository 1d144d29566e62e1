"""Links in a folder lead nowhere else, and a template is found by any ending that says that it is
one.
"""

from pathlib import Path

import pytest
from tests.studio.folders import written

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.catalogues import catalogue_faults
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery

SECTION = "<mj-section><mj-column><mj-text>Hello {{ name }}</mj-text></mj-column></mj-section>"
MJML = f"<mjml><mj-body>{SECTION}</mj-body></mjml>"
HTML = "<!doctype html><p>Hello {{ name }}</p>"


def rendered(gallery: Gallery, name: str) -> str:
    (sample,) = gallery.samples(name).values()
    return (
        gallery.sample_templates()(sample)
        .render_values(name, {"name": "<Ada>"}, gallery.languages.choose("en"))
        .html
    )


@pytest.mark.parametrize(
    "name",
    [
        *("a.html", "a.mjml", "a.htm.jinja", "a.jinja2", "a.jinja", "a.j2", "a.tpl"),
        *("a.html.jinja", "a.html.tpl", "a.mjml.tpl", "a.mjml.jinja2", "a.HTML.J2"),
    ],
)
def test_a_template_is_known_by_its_endings_or_by_what_it_holds_and_escapes_values(
    tmp_path: Path, name: str
) -> None:
    mjml = "mjml" in name
    gallery = open_gallery(written(tmp_path, {name: MJML if mjml else HTML}), sandboxed=True)
    assert gallery.names() == ["a"]
    assert gallery.files("a").is_mjml == mjml
    assert "Hello &lt;Ada&gt;" in rendered(gallery, "a")


def test_an_ending_of_one_s_own_is_set(tmp_path: Path) -> None:
    files = {"a.njk": MJML, "b.html.email": HTML, "b.txt.email": "<{{ name }}>", "c.html.bak": HTML}
    assert open_gallery(written(tmp_path, files)).names() == []
    gallery = open_gallery(tmp_path, settings=StudioSettings(suffixes=(".njk", ".email")))
    assert gallery.names() == ["a", "b"]
    assert gallery.files("b").text == "b.txt.email"
    (sample,) = gallery.samples("b").values()
    mail = gallery.sample_templates()(sample).render_values(
        "b", {"name": "<Ada> & Co"}, gallery.languages.choose("en")
    )
    assert (mail.text, "&lt;" in mail.html) == ("<<Ada> & Co>\n", True)


def test_a_link_back_into_the_folder_is_not_followed_and_a_link_beside_it_is(
    tmp_path: Path,
) -> None:
    written(tmp_path, {"a/a.html": HTML, "b/_c.html": HTML})
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "other").symlink_to("../b")
    (tmp_path / "b" / "back").symlink_to("../a")
    gallery = open_gallery(tmp_path, sandboxed=True)
    assert "a" in gallery.names()
    assert {"self", "a/up", "a/other/back"} <= {*gallery.left_out}
    assert set(gallery.left_out.values()) == {"is a link to a folder above it"}
    assert "a/other/_c.html" in gallery.shared_files()


def test_a_link_out_of_a_foreign_folder_is_not_read_in_any_way(tmp_path: Path) -> None:
    outside, folder = (
        written(tmp_path / "outside", {"secret.html": HTML, "values.toml": '[ada]\nname = "x"'}),
        tmp_path / "in",
    )
    written(folder, {"a.html": "{% include 'secret.html' %}", "b.html": HTML})
    (folder / "secret.html").symlink_to(outside / "secret.html")
    (folder / "all").symlink_to(outside)
    (folder / "gone.html").symlink_to("nowhere")
    (folder / "b.toml").symlink_to(outside / "values.toml")
    gallery = open_gallery(folder, sandboxed=True)
    out = dict.fromkeys(["all", "secret.html", "b.toml"], "is a link that leads out of the folder")
    assert gallery.left_out == {**out, "gone.html": "is a link to a missing file"}
    assert gallery.names() == ["a", "b"]
    found = check_gallery(gallery, languages=[gallery.languages.choose("en")]).found
    (included,) = (one for one in found if one.rule == "jinja/sandbox")
    assert (included.message, included.place.file) == (
        "'secret.html' is a link to a file outside the folder, which Keyturn does not read.",
        "a.html",
    )
    with pytest.raises(TemplateInvalid, match="is a link to a file outside the folder"):
        gallery.samples("b")
    trusted = open_gallery(folder)
    assert list(trusted.left_out) == ["gone.html"]
    assert [sample.values for sample in trusted.samples("b").values()] == [{"name": "x"}]


CATALOGUE = 'msgid "Hello"\nmsgstr "secret"\n'


@pytest.mark.parametrize(
    "link", ["locales", "locales/de", "locales/de/LC_MESSAGES", "locales/de/LC_MESSAGES/a.po"]
)
@pytest.mark.parametrize("place", ["inside", "beside", "set"])
def test_a_catalogue_behind_a_link_out_of_a_foreign_folder_is_not_read(
    tmp_path: Path, link: str, place: str
) -> None:
    outside = written(tmp_path / "outside", {"locales/de/LC_MESSAGES/a.po": CATALOGUE})
    folder = written(tmp_path / "project" / "emails", {"a.html": "{% trans %}Hello{% endtrans %}"})
    linked = (folder if place == "inside" else folder.parent) / link
    linked.parent.mkdir(parents=True, exist_ok=True)
    linked.symlink_to(outside / link)
    settings = StudioSettings(locales=folder.parent / "locales" if place == "set" else None)

    def german(*, sandboxed: bool) -> tuple[str, list[str]]:
        gallery = open_gallery(folder, settings=settings, sandboxed=sandboxed)
        (sample,), language = gallery.samples("a").values(), gallery.languages.known["de"]
        found = [str(fault) for fault in catalogue_faults(gallery.languages.catalogues)]
        return gallery.sample_templates()(sample).render_values("a", {}, language).html, found

    said = "is a link to a file outside the folder, which Keyturn does not read"
    with pytest.raises(TemplateInvalid, match=said):
        german(sandboxed=True)
    languages = open_gallery(folder, settings=settings, sandboxed=True).languages
    assert [fault.message for fault in catalogue_faults(languages.catalogues)] == [said]
    assert german(sandboxed=False) == ("secret", [])


def test_catalogues_beside_a_foreign_folder_are_read(tmp_path: Path) -> None:
    written(tmp_path, {"emails/a.html": HTML, "locales/de/LC_MESSAGES/a.po": CATALOGUE})
    gallery = open_gallery(tmp_path / "emails", sandboxed=True)
    assert list(gallery.languages.known) == ["de", "en"]
    assert not list(catalogue_faults(gallery.languages.catalogues))
    assert gallery.languages.known["de"].gettext("Hello") == "secret"


def test_a_link_to_another_folder_of_the_repository_is_followed(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            ".git/HEAD": "",
            "layouts/base.html": HTML,
            "emails/a.html": "{% extends 'parts/base.html' %}",
        },
    )
    (tmp_path / "emails" / "parts").symlink_to("../layouts")
    gallery = open_gallery(tmp_path / "emails", sandboxed=True)
    assert (gallery.left_out, gallery.names(), gallery.shared_files()) == (
        {},
        ["a"],
        ["parts/base.html"],
    )


def test_a_byte_order_mark_is_told_in_its_file_and_nothing_else_goes_wrong(tmp_path: Path) -> None:
    written(
        tmp_path,
        {"a.mjml": MJML, "a.txt": "Hello", "a.toml": '[ada]\nname = "Ada"', "_part.html": HTML},
        "utf-8-sig",
    )
    written(tmp_path, {"b.html": "<p>{% include '_part.html' %}</p>"})
    gallery = open_gallery(tmp_path, sandboxed=True)
    found = check_gallery(gallery, languages=[gallery.languages.choose("en")]).found
    told = {(one.place.file, one.place.line) for one in found if one.rule == "file/byte-order-mark"}
    assert told == {("a.mjml", 1), ("a.txt", 1), ("_part.html", 1)}
    assert {one.group for one in found}.isdisjoint({"mjml", "jinja", "samples"})
