"""The mail as a document of its own: it is rendered, and does nothing else."""

import re

import pytest
from tests.studio.web.fixtures import Client

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
    assert "style-src 'unsafe-inline'; font-src data:;" in policy
    assert "img-src data: https: http:" in policy
    without = client.get("/studio/frames/greeting?images=off").headers["content-security-policy"]
    assert "img-src 'none'" in without
    assert '<base target="_blank">' in answer.text
    page = client.get("/studio/templates/greeting?images=off").text
    assert 'sandbox="allow-same-origin"' in page
    assert "images=off" in re.findall(r'<iframe src="([^"]+)"', page)[0]


@pytest.mark.parametrize(
    ("scheme", "dark", "light"),
    [("dark", "min", "max"), ("light", "max", "min"), ("partial", "max", "max"), ("full", "max", "max")],
)
def test_the_scheme_decides_the_mail_s_own_queries(scheme: Scheme, dark: str, light: str) -> None:
    decided = force_scheme(STYLES, scheme)
    assert f"@media ({dark}-width: 0) {{ p {{ color: white }} }}" in decided
    assert f"@media ({light}-width: 0) {{ p {{ top: 0 }} }}" in decided


@pytest.mark.parametrize(
    ("scheme", "decided"), [("light", "light"), ("dark", "dark"), ("word", "light"), ("full", "light")]
)
@pytest.mark.parametrize(
    "own", ['<meta content="light dark" name="color-scheme">', "<style>:root { Color-Scheme: Dark  light }</style>"]
)
def test_the_scheme_is_the_mail_s_own_too_whatever_the_machine_prefers(scheme: Scheme, decided: str, own: str) -> None:
    seen = apply_view(f"<!doctype html><html><head>{own}</head></html>", View(scheme=scheme))
    assert f"<style>html,body{{color-scheme:{decided}!important}}</style>" in seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mail_with_a_single_scheme_keeps_it(scheme: Scheme) -> None:
    html = '<meta name="color-scheme" content="dark"><style>:root { color-scheme: dark }</style><p>Hello</p>'
    assert apply_view(html, View(scheme=scheme)) == html


@pytest.mark.parametrize(
    ("start", "before"),
    [
        ("", ""),
        ("<!DOCTYPE html>\n<html lang='en'><header>", "<!DOCTYPE html>"),
        ("<!doctype html><!-- <head> --><html>", "<!doctype html>"),
        ("<!-- <head> --><!doctype html><html>", "(<!-- <head> --><!doctype html>)?"),
        ("<script>/*<head>*/</script><html>", "(<script>/[*]<head>[*]/</script>)?"),
    ],
)
def test_a_mail_cannot_hide_what_is_added_to_it_behind_its_document_type(start: str, before: str) -> None:
    shown = str(answer(f"{start}<base target='_self'><p>Hello", View(), CAPTURED).content)
    assert re.match(f'{before}<base target="_blank"><style>[^<]+</style>', shown)


def test_neither_kind_of_frame_may_run_scripts_or_leave_the_page() -> None:
    for sandbox in (PREVIEW, CAPTURED):
        assert not {"allow-scripts", "allow-forms", "allow-top-navigation"} & set(sandbox.split())
    assert "allow-popups" not in PREVIEW
    assert "allow-same-origin" not in CAPTURED
