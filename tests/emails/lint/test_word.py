"""Outlook for Windows: which conditional comments it reads, and what of an author's mail it leaves out."""

from pathlib import Path

import pytest

from keyturn.mail.languages import SOURCE_LANGUAGE
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.clients.word import word_losses
from keyturn.studio.lint.document import Document, read_document
from keyturn.studio.lint.markup.conditional_comments import resolve_conditionals
from keyturn.studio.lint.source.unknown_filters import with_lenient_origins


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("a<!--[if mso]>b<![endif]-->c", "abc"),
        ("a<!--[if !mso]><!-->b<!--<![endif]-->c", "ac"),
        ("a<!--[if !mso]> -->b<!-- <![endif]-->c", "ac"),
        (
            "a<!--[if mso | IE]><table><tr><td><![endif]-->b<!--[if mso | IE]></td></tr></table><![endif]-->",
            "a<table><tr><td>b</td></tr></table>",
        ),
        ("a<![if !mso]>b<![endif]>c<![if mso]>d<![endif]>", "acd"),
        ("a<!-- a comment -->b", "a<!-- a comment -->b"),
        ("a<!--[if mso]>b", "ab"),
        ("a<!--[if !mso]><!-->b", "a"),
        ("a<![endif]-->b", "ab"),
    ],
)
def test_what_is_for_word_alone_is_in_the_mail_and_what_is_for_others_is_not(html: str, read: str) -> None:
    assert resolve_conditionals(html) == read


def mail(folder: Path, name: str, text: str) -> Document:
    (folder / name).write_text(text)
    gallery = open_gallery(folder)
    template = Path(name).stem
    sample = next(iter(gallery.samples(template).values()))
    language = gallery.languages.choose(SOURCE_LANGUAGE)
    return read_document(gallery.renderers(with_lenient_origins)(sample), template, sample, language)


def lost(document: Document) -> dict[str, list[int]]:
    return {loss.slug: sorted(place.line for place in loss.places) for loss in word_losses(document)}


def test_what_is_lost_is_told_by_feature_with_its_lines_and_not_what_is_for_others(tmp_path: Path) -> None:
    page = """\
<!doctype html><html lang="en"><head><title>Hello</title><style>
  .card { border-radius: 8px; max-width: 400px }
  table.card { max-width: 400px }
  .card > td { color: #333333 }
  @media (max-width: 480px) { .card { box-shadow: 0 0 4px #000000 } }
</style></head><body>
<div style="padding:4px;width:50%;margin:0 auto">Hello</div>
<table><tr><td style="padding:4px;width:50%;background:#eeeeee url(a.png)">Hello</td></tr></table>
<p style="color:#333333 !important;margin:0 0 12px;display:none">Hello</p>
<!--[if !mso]><!--><a style="border-radius:4px" href="https://a.example">Hello</a><!--<![endif]-->
<input type="text">
</body></html>
"""
    assert lost(mail(tmp_path, "page.html", page)) == {
        "css-border-radius": [2],
        "css-selector-child": [4],
        "css-at-media": [5],
        "css-padding": [7],
        "css-width": [7],
        "css-margin": [7],
        "css-background": [8],
        "css-important": [9],
        "html-input-text": [11],
    }


def test_what_mjml_writes_for_others_is_no_loss_of_its_author(tmp_path: Path) -> None:
    mjml = """\
<mjml><mj-body><mj-section background-color="#ffffff"><mj-column><mj-text padding="4px">Hello</mj-text>
<mj-button border-radius="8px" href="https://a.example">Open</mj-button></mj-column></mj-section></mj-body></mjml>
"""
    document = mail(tmp_path, "own.mjml", mjml)
    assert lost(document) == {"css-border-radius": [2]}
    [loss] = word_losses(document)
    assert (loss.title, loss.tested[:2]) == ("border-radius", "20")
