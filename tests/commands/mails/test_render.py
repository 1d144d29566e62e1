"""render: an email on standard output."""

import json
from pathlib import Path

import pytest
from tests.commands.command import Keyturn

pytestmark = pytest.mark.long


def test_a_part_that_the_mail_does_not_have_is_named(keyturn: Keyturn) -> None:
    Path("emails").mkdir()
    Path("emails/hello.html").write_text("<p>Hello</p>")
    for output, part in (("text", "text part"), ("mjml", "MJML")):
        refused = keyturn("render", "hello", "--dir", "emails", "--format", output)
        assert (refused.code, refused.out, refused.err) == (
            1,
            "",
            f"keyturn: hello has no {part}\n",
        )


def test_a_mail_that_is_text_alone(keyturn: Keyturn) -> None:
    """A mail without an HTML part is refused, so that no empty file is written."""
    Path("emails/plain").mkdir(parents=True)
    Path("emails/plain/note.txt.j2").write_text("Hello {{ name }}")
    refused = keyturn("render", "plain/note", "--dir", "emails")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "keyturn: plain/note has no HTML part\n"


def test_json_holds_all_parts_the_other_formats_one_each_and_a_sample_can_be_named(
    keyturn: Keyturn,
) -> None:
    shown = keyturn("render", "password_reset", "--format", "json")
    parts = json.loads(shown.out)

    assert (shown.code, shown.err) == (0, "")
    assert all(parts[name] for name in ("subject", "preheader", "html", "text", "mjml"))
    assert len(parts) == 5
    assert parts["html"] == keyturn("render", "password_reset").out
    for name, begin in {"html": "<!doctype html>", "text": "", "mjml": "<mjml"}.items():
        assert parts[name] == keyturn("render", "password_reset", "--format", name).out
        assert parts[name].lower().startswith(begin)

    refused = keyturn("render", "password_reset", "--sample", "nobody")
    assert refused.code == 1
    samples = refused.err.partition("it has ")[2].strip().split(", ")
    texts = {
        keyturn("render", "password_reset", "--sample", sample, "--format", "text").out
        for sample in samples
    }
    assert len(texts) == len(samples) > 1


def test_the_brand_is_that_of_the_settings_and_a_language_can_be_named(keyturn: Keyturn) -> None:
    brand = {"KEYTURN_BRAND_NAME": "Northwind <School>"}
    mail = json.loads(
        keyturn("render", "password_reset", "--lang", "ar", "--format", "json", **brand).out
    )
    assert mail["subject"] == "إعادة تعيين كلمة المرور لدى Northwind <School>"
    assert '<html lang="ar" dir="rtl"' in mail["html"]
    assert ("Northwind &lt;School&gt;" in mail["html"], "Northwind <School>" in mail["html"]) == (
        True,
        False,
    )
