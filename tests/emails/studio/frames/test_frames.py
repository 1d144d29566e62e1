"""The mail as a document of its own: it is drawn, and does nothing else."""

import pytest
from tests.emails.studio.fixtures import Client

from keyturn.studio.web.frames import CAPTURED, PREVIEW, apply_view, force_scheme
from keyturn.studio.web.pages.frame_answers import answer
from keyturn.studio.web.view import Scheme, View

STYLES = (
    "@media (prefers-color-scheme: dark) { p { color: white } } @media ( PREFERS-color-scheme:light ) { p { top: 0 } }"
)


def test_a_preview_runs_no_script_follows_no_link_and_sends_no_form(client: Client) -> None:
    answer = client.get("/studio/frames/greeting?sample=ada")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-same-origin; default-src 'none'; ")
    assert "script" not in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert '<base target="_blank">' in answer.text
    assert 'sandbox="allow-same-origin"' in client.get("/studio/templates/greeting").text


@pytest.mark.parametrize(
    ("scheme", "dark", "light"),
    [("dark", "min", "max"), ("light", "max", "min"), ("partial", "max", "max"), ("full", "max", "max")],
)
def test_the_scheme_decides_the_mail_s_own_queries(scheme: Scheme, dark: str, light: str) -> None:
    decided = force_scheme(STYLES, scheme)
    assert f"@media ({dark}-width: 0) {{ p {{ color: white }} }}" in decided
    assert f"@media ({light}-width: 0) {{ p {{ top: 0 }} }}" in decided


OWN_SCHEME = """<html style="Color-Scheme: Dark light"><head>
<meta name="supported-color-schemes" content="light dark"><meta content="light dark" name="color-scheme">
<style>:root { color-scheme: light dark; supported-color-schemes: light dark }
p { color-scheme: only light dark!important } .night { color-scheme: dark } .day { color-scheme: light }</style></head>
<p>color-scheme: light dark</p></html>"""


@pytest.mark.parametrize(
    ("scheme", "drawn", "night"),
    [("light", "light", "dark"), ("dark", "dark", "dark"), ("word", "light", "light"), ("full", "light", "light")],
)
def test_the_scheme_is_the_mail_s_own_too_whatever_the_machine_prefers(scheme: Scheme, drawn: str, night: str) -> None:
    seen = apply_view(OWN_SCHEME, View(scheme=scheme))
    assert '<meta name="supported-color-schemes" content="light dark">' in seen
    assert f'<meta content="{drawn}" name="color-scheme">' in seen
    assert ">color-scheme: light dark</p>" in seen  # words are no declaration
    squeezed = seen.lower().replace(" ", "").replace("\n", "")
    assert f'style="color-scheme:{drawn}' in squeezed
    assert f":root{{color-scheme:{drawn};supported-color-schemes:lightdark}}" in squeezed
    assert f"p{{color-scheme:{drawn}!important}}" in squeezed
    assert f".night{{color-scheme:{night}}}.day{{color-scheme:light}}" in squeezed


def test_a_mail_without_a_head_is_drawn_too() -> None:
    assert answer("<p>Hello</p>", View(), CAPTURED).content == '<base target="_blank"><p>Hello</p>'


def test_what_is_added_to_a_mail_does_not_come_before_its_document_type() -> None:
    document = "<!DOCTYPE html>\n<html lang='en'><header>Hello</header></html>"
    assert str(answer(document, View(), CAPTURED).content).startswith('<!DOCTYPE html><base target="_blank">\n<html ')


@pytest.mark.parametrize(
    "start", ["<!doctype html><!-- <head> -->", "<!-- <head> --><!doctype html>", "<script>/*<head>*/</script>"]
)
def test_a_mail_cannot_hide_what_is_added_to_it(start: str) -> None:
    shown = str(answer(f"{start}<html><base target='_self'>", View(), CAPTURED).content)
    assert shown.startswith(
        (f'{start}<base target="_blank">', '<!doctype html><base target="_blank">', '<base target="_')
    )


def test_neither_kind_of_frame_may_run_scripts_or_leave_the_page() -> None:
    for sandbox in (PREVIEW, CAPTURED):
        assert not {"allow-scripts", "allow-forms", "allow-top-navigation"} & set(sandbox.split())
    assert "allow-popups" not in PREVIEW
    assert "allow-same-origin" not in CAPTURED
