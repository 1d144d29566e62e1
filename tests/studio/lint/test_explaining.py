"""What a rule says to who asks: every rule has an explanation, and its examples are true."""

from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.explaining import all_rules, explain_rule
from keyturn.studio.lint.finding import Finding

PAGE = '<html lang="en"><head><title>News</title></head><body><h1>News</h1>\n{}\n</body></html>'
MJML = """<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
{}
</mj-column></mj-section></mj-body></mjml>"""
TRIED = ("active", "links", "accessibility", "contrast", "html", "mjml")


ELSEWHERE = (
    "accessibility/lang",
    "accessibility/no-heading",
    "accessibility/title",
    "mjml/head-element-in-body",
    "mjml/missing-include",
    "mjml/second-element",
)
"""Their examples stand outside a column, or need another file."""


def in_a_mail(rule: str, text: str) -> tuple[str, str]:
    """Return the name and the content of a mail with an example; empty if it is no piece of a mail."""
    if not text.startswith("<") or text.startswith(("<mjml", "<!doctype")) or "…" in text or "mj-attributes" in text:
        return "", ""
    of_mjml = rule.startswith(("html", "mjml")) and rule not in ("html/never-shown", "html/inky-element")
    return ("news.mjml", MJML) if of_mjml else ("news.html", PAGE)


EXAMPLES = [
    (one.name, one.bad, one.good)
    for one in all_rules()
    if one.name.partition("/")[0] in TRIED and in_a_mail(one.name, one.bad)[0] and one.name not in ELSEWHERE
]


def found(folder: Path, rule: str, text: str) -> list[Finding]:
    name, around = in_a_mail(rule, text)
    (folder / name).write_text(around.replace("{}", text), "utf-8")
    of_rule = [one for one in check(open_gallery(folder)).found if one.rule in alike(rule)]
    (folder / name).unlink()
    return of_rule


def alike(rule: str) -> set[str]:
    kind = rule.partition("/")[2]
    return {f"html/{kind}", f"mjml/{kind}"} if rule.startswith(("html", "mjml")) else {rule}


@pytest.mark.parametrize(("rule", "bad", "good"), EXAMPLES, ids=[rule for rule, _, _ in EXAMPLES])
def test_the_bad_example_has_the_mistake_at_its_line_and_the_good_one_has_not(
    tmp_path: Path, rule: str, bad: str, good: str
) -> None:
    mistakes = found(tmp_path, rule, bad)
    assert {one.place.line for one in mistakes} & {*range(2, 3 + bad.count("\n"))}
    for one in mistakes:
        assert one.message.endswith((".", ")."))
        assert one.fix.endswith((".", "?"))
    if in_a_mail(rule, good)[0]:
        assert found(tmp_path, rule, good) == []


TOKEN = "https://example.org/reset?token=kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO"
LONG = f"<p>{'Boats ' * 50}</p>"
DARK = "<style>@media (prefers-color-scheme: dark) { body { background: #111; color: #fff } .x { color: %s } }</style>"
HEADS = '<mjml lang="en"><mj-head>{}</mj-head><mj-body></mj-body>{}</mjml>'
PLANTED = [
    ("links/empty", "warning", '<a href="#">Boats</a>'),
    ("links/empty", "error", '<a href="#" class="button">Boats</a>'),
    ("links/http", "warning", '<a href="http://example.org">Boats</a>'),
    ("links/http", "error", f'<a href="{TOKEN.replace("https", "http")}">Boats</a>'),
    ("links/third-party", "warning", '<a href="https://bit.ly/3xYz">Boats</a>'),
    ("links/third-party", "error", f'<a href="{TOKEN.replace("example.org", "bit.ly")}">Boats</a>'),
    ("links/unknown-scheme", "warning", '<a href="harbour:boats">Boats</a>'),
    ("links/unknown-scheme", "error", '<a href="htps://example.org">Boats</a>'),
    ("contrast/light", "error", '<p style="color:#f2f2f2">Boats</p>'),
    ("contrast/light", "warning", '<p style="color:#aaaaaa">Boats</p>'),
    ("contrast/light", "note", f'{LONG}<p style="color:#aaaaaa;font-size:11px">Boats</p>'),
    ("contrast/dark", "error", DARK % "#161616" + '<p class="x">Boats</p>'),
    ("contrast/dark", "warning", DARK % "#444444" + '<p class="x">Boats</p>'),
    ("contrast/dark", "note", DARK % "#4e4e4e" + f'{LONG}<p class="x" style="font-size:11px">Boats</p>'),
    ("contrast/full", "warning", '<p style="background:#000099;color:#ff00ff">Boats</p>'),
    ("contrast/full", "note", '<p style="background:#7c7c7c;color:#000000">Boats</p>'),
    ("contrast/partial", "warning", "<style>[data-ogsc] p { color: #333333 }</style><p>Boats</p>"),
    ("contrast/partial", "note", "<style>[data-ogsc] p { color: #767676 }</style><p>Boats</p>"),
    ("accessibility/small-text", "warning", f'{LONG}<p style="font-size:8px">Boats</p>'),
    ("accessibility/small-text", "note", f'{LONG}<p style="font-size:11px">Boats</p>'),
    ("sizes/image-without-width", "warning", '<img src="https://example.org/a.png" alt="Boat">'),
    ("sizes/image-without-width", "note", '<img src="https://example.org/a.png" alt="Boat" style="width:9px">'),
    ("parity/link-not-in-text", "note", '<a href="https://example.org/a">Boats</a>'),
    ("parity/link-not-in-text", "warning", '<a href="https://example.org/a" class="button">Boats</a>'),
    ("parity/link-not-in-text", "error", f'<a href="{TOKEN}">Boats</a>'),
    ("styles/unused", "note", "<style>.quay { color: #123456 }</style>"),
    ("styles/unused", "warning", '<style>.buton { color: #123456 }</style><p class="button">Boats</p>'),
    ("mjml/second-element", "warning", HEADS.format("<mj-title>News</mj-title><mj-title>Boats</mj-title>", "")),
    ("mjml/second-element", "error", HEADS.format("<mj-title>News</mj-title>", "<mj-body></mj-body>")),
]
"""What gives a finding each severity of its rule. Other rules have one, and `Rules.finding` refuses any other."""


@pytest.mark.parametrize(("rule", "severity", "markup"), PLANTED)
def test_each_severity_that_is_named_can_be_found(tmp_path: Path, rule: str, severity: str, markup: str) -> None:
    (tmp_path / "news.samples.toml").write_text('[first]\nname = "Ada"\n', "utf-8")
    (tmp_path / "news.txt").write_text("Boats\n", "utf-8")
    is_mjml = markup.startswith("<mjml")
    mail = markup if is_mjml else PAGE.replace("{}", markup)
    (tmp_path / f"news.{'mjml' if is_mjml else 'html'}").write_text(mail, "utf-8")
    assert {one.severity for one in check(open_gallery(tmp_path)).found if one.rule == rule} == {severity}


def test_a_feature_names_the_clients_that_lack_it() -> None:
    about = explain_rule("compatibility/css-display-flex")

    assert "Outlook for Windows" in about.why
    assert about.bad == "display:flex"
