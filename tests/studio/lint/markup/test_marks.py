"""The HTML with marks and the mail as it is sent are the same but for the marks, so MJML is
compiled once for both.
"""

from pathlib import Path

import pytest
from tests.studio.lint.planting import BRAND
from tests.studio.lint.planting import Mails as OwnMails

from keyturn import Mails
from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.studio.gallery.environments import with_lenient_filters
from keyturn.studio.web.rendering.rendition import Order

ROOT = Path(__file__).parents[4]
FOLDERS = [
    *(
        ROOT / "tests" / "studio" / "gallery" / "folders" / name
        for name in ("club", "school", "shop")
    ),
    *(
        ROOT / "tests" / "studio" / "lint" / name
        for name in ("templates", "html_mails", "markup/official")
    ),
    ROOT / "examples" / "shop-mails",
]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_mail_without_its_marks_is_the_mail_as_sent(folder: Path) -> None:
    mails, compared = Mails.open(folder), 0
    as_sent = mails.gallery.sample_templates(with_lenient_filters)
    language = mails.gallery.languages.choose("")
    for name in mails.names():
        for sample in mails.gallery.samples(name).values():
            rendered = mails.renderer.render_or_explain(
                Order(name, mails.gallery.files(name), sample, "")
            ).mail
            try:
                sent = as_sent(sample).render_values(name, sample.values, language)
            except TemplateInvalid:
                assert rendered is None
                continue
            assert rendered is not None
            assert (rendered.subject, rendered.preheader, rendered.text) == (
                sent.subject,
                sent.preheader,
                sent.text,
            )
            assert rendered.html == sent.html
            compared += 1
    assert compared


@pytest.mark.parametrize("template", EMAILS)
def test_so_is_each_of_our_own_mails(tmp_path: Path, template: str) -> None:
    own, language = OwnMails.copied_to(tmp_path), Languages("UTC").choose("en")
    templates = Templates(own.folder, branding(BRAND, Palette()))
    for name, props in own.samples(template).items():
        assert own.read(template, name).mail.html == templates.render(props, language).html


CLASSES = '<mj-text css-class="intro kt-intro">Hello <b class="a">Ada</b></mj-text>'


@pytest.mark.parametrize(
    "content",
    [
        '<mj-carousel><mj-carousel-image src="https://a.example/a.png" /></mj-carousel>',
        CLASSES,
        "<mj-txt>Hello</mj-txt>",
        '<mj-text css-class="kt-3">Hello</mj-text>',
        '<mj-text>Hello <i data-keyturn="7">kt-3 and kt-4</i></mj-text>',
        '<mj-text>I wrote class="kt-3" in my mail</mj-text>',
        '<mj-table role="none"><tr><td>Hello</td></tr></mj-table>',
    ],
)
def test_no_mark_stays_and_nothing_of_the_author_goes(tmp_path: Path, content: str) -> None:
    mjml = (
        f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
    )
    (tmp_path / "mail.mjml").write_text(mjml)
    mails = Mails.open(tmp_path)
    order = Order("mail", mails.gallery.files("mail"), mails.sample("mail"), "")
    rendered = mails.renderer.render_or_explain(order).mail
    assert rendered is not None
    assert rendered.html == mails.render("mail").html
