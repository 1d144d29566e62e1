"""The subject and the preheader of a mail, as it is sent."""

from pathlib import Path

import pytest

from keyturn.studio.gallery.gallery import GUESSED
from keyturn.studio.gallery.opening import open_gallery

HEADS = [
    ("<!-- <mj-title>Old</mj-title> --><mj-title>New</mj-title><mj-preview>Now</mj-preview>", "New", "Now"),
    ("<mj-title\n>News</mj-title ><mj-preview >Now</mj-preview>", "News", "Now"),
    ("<mj-title>One</mj-title><mj-title>Two</mj-title><mj-preview>A</mj-preview>", "Two", "A"),
    ("<mj-title>Q&amp;A today</mj-title><mj-raw><mj-title>Raw</mj-title></mj-raw>", "Q&A today", ""),
]
PAGES = [
    ("<!-- <title>Old</title> --><title lang=en>New</title><div style='display : NONE'>Now</div>", "New", "Now"),
    ("<svg><title>Boat</title></svg><title>News</title><p class=preheader>Now <i>or</i>", "News", "Now or"),
    ("<!-- <div style='display:none'>Old</div> --><span class='x preview'>Now</span>", "", "Now"),
    ("<p>Seen</p><div class='link-preview'>Seen, too</div>", "", ""),
]


@pytest.mark.parametrize(
    ("file", "markup", "subject", "preheader"),
    [
        *(("news.mjml", f"<mjml><mj-head>{head}</mj-head><mj-body></mj-body></mjml>", *read) for head, *read in HEADS),
        *(("news.html", f"<html><body>{page}</body></html>", *read) for page, *read in PAGES),
    ],
)
def test_subject_and_preheader_are_those_that_the_compiler_or_a_browser_reads(
    tmp_path: Path, file: str, markup: str, subject: str, preheader: str
) -> None:
    (tmp_path / file).write_text(markup)

    gallery = open_gallery(tmp_path)
    mail = gallery.render("news", gallery.files("news"), gallery.sample("news", GUESSED), "en")

    assert (mail.subject, mail.preheader) == (subject, preheader)
