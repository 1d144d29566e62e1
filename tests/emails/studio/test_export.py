"""The static export: every mail as plain pages, for people who have no studio."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.async_api import Browser, expect
from tests.emails.studio.fixtures import BASE

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio import Studio
from keyturn.emails.studio.export import ExportRefused, export
from keyturn.languages import Languages

SENDER = "Northwind School <no-reply@northwind.example>"
OUTSIDE = re.compile(r'(?:src|href)="(?!data:)[a-z]+:')


@pytest.fixture
def gallery(studio: Studio) -> Gallery:
    return replace(studio.gallery, languages=Languages("UTC", studio.gallery.folder / "no-catalogues"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def test_every_mail_has_a_page_that_leads_to_it_in_every_scheme(gallery: Gallery, site: Path) -> None:
    told: list[None] = []
    exported = export(gallery, SENDER, site, lambda: told.append(None))
    assert (exported.mails, exported.faults, len(told)) == (3, (), 2)
    index = (site / "index.html").read_text()
    for page in ("mails/greeting/ada.en.html", "mails/greeting/grace.en.html", "mails/notice/only.en.html"):
        assert f'href="{page}"' in index
        text = (site / page).read_text()
        frames = re.findall(r'<iframe class="(\w+)" src="([^"]+)" sandbox="allow-same-origin"', text)
        assert [scheme for scheme, _ in frames] == ["light", "dark", "partial", "full", "word"]
        assert all((site / page).parent.joinpath(frame).resolve().is_file() for _, frame in frames)


def test_a_page_shows_subject_text_part_and_links_and_escapes_them(gallery: Gallery, site: Path) -> None:
    export(gallery, SENDER, site)
    page = (site / "mails/greeting/grace.en.html").read_text()
    assert '<h1 dir="auto">Welcome, Grace &lt;b&gt;Hopper&lt;/b&gt;</h1>' in page
    assert "Hello Grace &lt;b&gt;Hopper&lt;/b&gt;" in page
    assert "https://account.northwind.example/open/two" in page


def test_the_pages_need_nothing_but_each_other(gallery: Gallery, site: Path) -> None:
    export(gallery, SENDER, site)
    pages = [page for page in site.rglob("*.html") if "frames" not in page.parts]
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert not OUTSIDE.search(text), page
        for target in re.findall(r'(?:src|href)="([^"#]+)"', text):
            assert (page.parent / target).resolve().is_file(), f"{page}: {target}"


def test_names_that_an_address_reads_otherwise_lead_to_their_files(gallery: Gallery, folder: Path, site: Path) -> None:
    for name in ("a#b", "x?y", "50%41"):
        (folder / f"{name}.html").write_text("<p>Hello</p>")
    export(gallery, SENDER, site)
    index = (site / "index.html").read_text()
    for name in ("a%23b", "x%3Fy", "50%2541"):
        (page,) = re.findall(rf'href="(mails/{re.escape(name)}/[^"]+)"', index)
        text = (site / unquote(page)).read_text()
        frames = re.findall(r'<iframe class="\w+" src="([^"]+)"', text)
        assert len(frames) == 5
        assert all(((site / unquote(page)).parent / unquote(frame)).resolve().is_file() for frame in frames)


def test_nothing_in_a_mail_runs_also_where_its_file_is_opened_by_itself(
    gallery: Gallery, folder: Path, site: Path
) -> None:
    (folder / "sly.html").write_text("<html><head></head><body><script>alert(1)</script></body></html>")
    export(gallery, SENDER, site)
    head = (site / "frames/sly/guessed.en.light.html").read_text().partition("</head>")[0]
    assert """<meta http-equiv="content-security-policy" content="default-src 'none';""" in head


SLY = {
    "a head in a comment": "<!doctype html><!-- <head> --><html><head><title>t</title>",
    "a comment before the doctype": "<!-- <head> --><!doctype html><html><head>",
    "a comment that ends at once": "<!--><head><script>document.title = 'ran'</script><!doctype html> --><html><head>",
    "a comment that ends otherwise": "<!-- --!><script>document.title = 'ran'</script><!doctype html> --><html>",
    "a doctype in a comment": "<!-- <!doctype html> --><html>",
    "a doctype in an attribute": "<p title='<!doctype html>'><html>",
    "a head in a script": "<!doctype html><script>document.title = 'ran' // <head></script><html>",
    "a head in a title": "<!doctype html><title><head></title><html><script>document.title = 'ran'</script>",
    "a doctype without end": "<!doctype html",
    "a blank that is none": "\N{NO-BREAK SPACE}<!doctype html><html><head>",
    "an instruction": "<?xml version='1.0'?><!doctype html><html><head>",
    "another base": "<base target='_self'><!doctype html><html><head>",
}


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("start", SLY)
async def test_no_markup_keeps_a_policy_and_a_base_from_a_frame_that_is_opened_by_itself(
    browser: Browser, gallery: Gallery, folder: Path, site: Path, start: str
) -> None:
    script = "<script>document.title = 'ran'</script><img src=x: onerror=\"document.title = 'ran'\">"
    (folder / "sly.html").write_text(f"{SLY[start]}{script}<p><a href='https://northwind.example/'>A link</a></p>")
    export(gallery, SENDER, site)
    page = await browser.new_page()
    await page.goto((site / "frames/sly/guessed.en.light.html").as_uri())

    assert await page.title() != "ran"
    assert await page.evaluate("document.querySelector('base').target") == "_blank"
    assert await page.evaluate("document.querySelector('a')?.target ?? ''") == ""
    await page.close()


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("start", "mode"),
    [
        ("<!doctype html><html lang='de'><head><title>t</title></head>", "CSS1Compat"),
        ("\n <!-- News --> <!DOCTYPE html>\n<html lang='de'>", "CSS1Compat"),
        ('<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "xhtml1-strict.dtd"><html lang="de">', "CSS1Compat"),
        ("<?xml version='1.0'?><!doctype html><html lang='de'>", "CSS1Compat"),
        ("<html lang='de'><head>", "BackCompat"),
    ],
)
async def test_a_frame_is_drawn_in_the_mode_that_its_doctype_chooses_and_keeps_its_attributes(
    browser: Browser, gallery: Gallery, folder: Path, site: Path, start: str, mode: str
) -> None:
    (folder / "plain.html").write_text(f"{start}<body bgcolor='red'><p>Ümläut</p>")
    export(gallery, SENDER, site)
    page = await browser.new_page()
    await page.goto((site / "frames/plain/guessed.en.light.html").as_uri())

    shown = await page.evaluate("[document.compatMode, document.documentElement.lang, document.body.innerText.trim()]")
    assert shown == [mode, "de", "Ümläut"]
    assert await page.evaluate("document.querySelectorAll('head > base').length") == 1
    await page.close()


def test_it_is_written_anew_where_it_was_written_before(gallery: Gallery, folder: Path, site: Path) -> None:
    export(gallery, SENDER, site)
    (folder / "notice/notice.mjml").rename(folder / "notice/_notice.mjml")
    (folder / "notice/notice.txt").unlink()
    export(gallery, SENDER, site)
    assert not (site / "mails/notice").exists()
    assert (site / "mails/greeting/ada.en.html").is_file()


def test_a_folder_with_anything_else_in_it_is_left_as_it_is(gallery: Gallery, site: Path) -> None:
    site.mkdir()
    (site / "thesis.doc").write_text("years of work")
    with pytest.raises(ExportRefused, match="contains other files"):
        export(gallery, SENDER, site)
    assert [file.name for file in site.iterdir()] == ["thesis.doc"]


def test_a_folder_among_the_templates_is_refused(gallery: Gallery) -> None:
    inside = gallery.folder / "pages" / "site"
    with pytest.raises(ExportRefused, match="is inside the folder of the templates; name a folder outside"):
        export(gallery, SENDER, inside)
    assert not inside.exists()


def test_a_file_is_no_place_for_it(gallery: Gallery, site: Path) -> None:
    site.write_text("x")
    with pytest.raises(ExportRefused, match="is a file"):
        export(gallery, SENDER, site)


def test_a_broken_mail_is_named_and_the_others_are_there(gallery: Gallery, folder: Path, site: Path) -> None:
    (folder / "notice/notice.mjml").write_text("<mjml>\n{{ whta }}</mjml>")
    exported = export(gallery, SENDER, site)
    assert exported.mails == 2
    assert exported.faults == ("notice/notice.mjml:2:4: 'whta' is undefined",)
    assert "cannot be rendered" in (site / "index.html").read_text()
    assert "notice/notice.mjml:2" in (site / "mails/notice/only.en.html").read_text()


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_it_opens_from_the_disk_and_shows_each_width_and_scheme(
    browser: Browser, gallery: Gallery, folder: Path, site: Path
) -> None:
    (folder / "_layout/base.mjml").write_text(BASE)
    export(gallery, SENDER, site)
    page = await browser.new_page()
    await page.goto((site / "index.html").as_uri())
    await page.get_by_role("link", name="grace").click()
    for width in (320, 375, 1280):
        await page.get_by_label(f"{width} pixels").check()
        await expect(page.locator("iframe.light")).to_have_js_property("clientWidth", width)
    await expect(page.frame_locator("iframe.light").get_by_text("Hello Grace <b>Hopper</b>")).to_be_visible()
    await page.get_by_label("Dark").check()
    await expect(page.locator("iframe.light")).to_be_hidden()
    ground = page.frame_locator("iframe.dark").locator(".ground")
    assert await ground.evaluate("element => getComputedStyle(element).backgroundColor") == "rgb(16, 16, 16)"
    await page.set_viewport_size({"width": 320, "height": 700})
    await page.get_by_label("600 pixels").check()
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    await page.close()
