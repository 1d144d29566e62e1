"""Mails that are compiled once for all of a shape: they are to the letter what they would be without that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.every_language import each_language
from tests.samples import read_samples

from keyturn.mail.languages import Language, Languages
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.packaging import folder
from keyturn.service.reset.mails.email_props import EMAILS, PasswordReset
from keyturn.service.settings import FileOrUrl

LANGUAGES = Languages("Europe/Berlin")
SAMPLES = [props for kind in EMAILS.values() for props in read_samples(folder("email_templates"), kind).values()]
BRANDS: list[dict[str, object]] = [
    {},
    {"support_address": "", "postal_address": "", "name": "100 % <b>&amp;</b> %(name)s"},
    {"logo": FileOrUrl("https://northwind.example/logo.png"), "logo_width": 120, "logo_height": 24},
]

_PIECES = st.sampled_from([
    "Ada", "a", "A", "0", " ", "\t", "\r\n", "\x00", "\x1f", "\x7f", "\x85", "\u00a0", "\u200b", "\u2028", "\ud800",
    "<", ">", "&", '"', "'", "`", "=", "/", "\\", "%", "%s", "%(name)s", "%%", "{", "}", "{{ name }}", "{% raw %}",
    "&amp;", "&#60;", "&lt;", "&nbsp", "<b>", "</mj-text>", "<mj-text>", "<!--", "-->", "<![CDATA[", "]]>", "<?x?>",
    "<script>alert(1)</script>", "</title>", "</mj-title>", "</mj-preview>", "<br>", "javascript:", "mailto:",
    "ליאור כהן", "مرحبا", "\u202e", "\u2066", "\u2068", "\u2069", "\u200f",
    "\U0001f600", "👩🏽‍🎓", "e\u0301",
    "世界。", "「", "ー", "value", "name", "inline", "\\1", "\\g<0>", "x" * 71,
    "x" * 400, "word " * 40, "\ufeff", "\uffff", "\U0010ffff",
])  # fmt: skip
texts = st.lists(_PIECES, max_size=20).map("".join) | st.text(max_size=200)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis asks for it
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    datetime: moments,
    datetime | None: st.none() | moments,
    bool: st.booleans(),
    timedelta: st.sampled_from([timedelta(minutes=30), timedelta(hours=1), timedelta(days=2), timedelta(seconds=90)]),
}
languages = st.sampled_from(list(LANGUAGES.known.values()))


def of_kind(kind: type[EmailProps]) -> st.SearchStrategy[EmailProps]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: VALUES[hints[name]] for name in kind.__struct_fields__})


mails = st.sampled_from(list(EMAILS.values())).flatmap(of_kind)


@pytest.fixture(scope="module")
def pairs(branded: Callable[..., Templates]) -> list[tuple[Templates, Templates]]:
    """Return for each brand the templates by shape, which come to know shapes in the tests, and those without."""
    return [(replace(one, by_shape=True), one) for one in (branded(**fields) for fields in BRANDS)]


@each_language("language", LANGUAGES.known)
@pytest.mark.long
def test_each_sample_is_as_it_would_be_without_shapes(
    pairs: list[tuple[Templates, Templates]], language: Language
) -> None:
    for by_shape, without in pairs:
        expected = [without.render(props, language) for props in SAMPLES]
        for _ in range(2):  # the first of a shape makes it known
            for props, mail in zip(SAMPLES, expected, strict=True):
                assert by_shape.render(props, language) == mail, props


@settings(max_examples=2 * settings().max_examples)
@given(mails, languages, st.data())
@pytest.mark.long
def test_whatever_is_filled_in_it_is_as_it_would_be_without_shapes(
    pairs: list[tuple[Templates, Templates]], props: EmailProps, language: Language, data: st.DataObject
) -> None:
    by_shape, without = data.draw(st.sampled_from(pairs))

    assert by_shape.render(props, language) == without.render(props, language)


MARKUP = """<mjml><mj-head><mj-title>Hello</mj-title></mj-head><mj-body><mj-section><mj-column>
  <mj-text>%s</mj-text>
</mj-column></mj-section></mj-body></mjml>"""


@pytest.mark.parametrize(
    "body",
    [
        "{{ name|upper }}",
        "{{ name|length }}",
        "{{ name|safe }}",
        "{{ name|e|e }}",
        "{{ expires_at }}",
        "{{ expires_at.year }}",
        "{{ name.split()[0] }}",
        "{{ name|urlencode }}",
        "{{ name[0] }}",
        "{{ name[:25] }}{{ link }}",
        "{% if name|e|length > 9 %}{{ name|upper }}{% endif %}",
    ],
)
def test_a_template_that_looks_closer_is_rendered_without_shapes(tmp_path: Path, english: Language, body: str) -> None:
    folder = tmp_path / "password_reset"
    folder.mkdir()
    (folder / "password_reset.mjml").write_text(MARKUP % body)
    (folder / "password_reset.txt").write_text("{{ name }}")
    by_shape = Templates(tmp_path, {}, by_shape=True)
    moment = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
    for name in ("Ada &amp; Co", "Grace"):
        props = PasswordReset(name=name, email="e", link="l", expires_at=moment, lifetime=timedelta(hours=1))

        assert by_shape.render(props, english) == Templates(tmp_path, {}).render(props, english)
