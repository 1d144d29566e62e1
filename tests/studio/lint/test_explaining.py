"""What a rule says to who asks: every rule has an explanation, and its examples are true."""

from pathlib import Path

import pytest
from tests.studio.folders import found_in

from keyturn.studio.lint.explaining import all_rules, explain_rule
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.rules import RULES

PAGE = '<html lang="en"><head><title>News</title></head><body><h1>News</h1>\n{}\n</body></html>'
MJML = """\
<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
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
    """Return the name and the content of a mail with an example; empty if it is
    no piece of a mail.
    """
    if (
        not text.startswith("<")
        or text.startswith(("<mjml", "<!doctype"))
        or "…" in text
        or "mj-attributes" in text
    ):
        return "", ""
    of_mjml = f"mjml/{rule.partition('/')[2]}" in RULES
    return ("news.mjml", MJML) if of_mjml else ("news.html", PAGE)


EXAMPLES = [
    (one.name, one.bad, one.good)
    for one in all_rules()
    if one.name.partition("/")[0] in TRIED
    and in_a_mail(one.name, one.bad)[0]
    and one.name not in ELSEWHERE
]


def found(folder: Path, rule: str, text: str) -> list[Finding]:
    name, around = in_a_mail(rule, text)
    kind = rule.partition("/")[2]
    alike = {f"html/{kind}", f"mjml/{kind}"} if rule.startswith(("html", "mjml")) else {rule}
    of_rule = [
        one for one in found_in(folder, {name: around.replace("{}", text)}) if one.rule in alike
    ]
    (folder / name).unlink()
    return of_rule


@pytest.mark.parametrize(("rule", "bad", "good"), EXAMPLES, ids=[rule for rule, _, _ in EXAMPLES])
def test_the_bad_example_has_the_mistake_and_the_good_one_has_not(
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
DARK = (
    "<style>@media (prefers-color-scheme: dark) { body { background: #111; color: #fff } .x { "
    "color: %s } }</style>"
)
TABLE = '<table role="none" style="%s"><tr><td>x</td></tr></table>'
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
    (
        "contrast/light",
        "note",
        f'{LONG}<div class="footer"><p style="color:#999999">Boats</p></div>',
    ),
    ("contrast/light", "note", f'{LONG}<p style="color:#94a3b8;font-size:12px">Boats</p>'),
    ("contrast/light", "warning", f'{LONG}<p style="color:#999999">Boats</p>'),
    ("contrast/light", "warning", f'{LONG}<p style="color:#c0c0c0;font-size:12px">Boats</p>'),
    ("contrast/light", "warning", f'{LONG}<p style="color:#ff6633;font-size:12px">Boats</p>'),
    ("contrast/light", "error", f'{LONG}<p style="color:#eeeeee;font-size:12px">Boats</p>'),
    ("contrast/dark", "error", DARK % "#161616" + '<p class="x">Boats</p>'),
    ("contrast/dark", "warning", DARK % "#444444" + '<p class="x">Boats</p>'),
    (
        "contrast/dark",
        "note",
        DARK % "#4e4e4e" + f'{LONG}<p class="x" style="font-size:11px">Boats</p>',
    ),
    ("contrast/full", "warning", '<p style="background:#000099;color:#ff00ff">Boats</p>'),
    ("contrast/full", "note", '<p style="background:#7c7c7c;color:#000000">Boats</p>'),
    ("contrast/partial", "warning", "<style>[data-ogsc] p { color: #333333 }</style><p>Boats</p>"),
    ("contrast/partial", "note", "<style>[data-ogsc] p { color: #767676 }</style><p>Boats</p>"),
    ("accessibility/small-text", "warning", f'{LONG}<p style="font-size:8px">Boats</p>'),
    ("accessibility/small-text", "note", f'{LONG}<p style="font-size:11px">Boats</p>'),
    ("sizes/image-without-width", "warning", '<img src="https://example.org/a.png" alt="Boat">'),
    (
        "sizes/image-without-width",
        "note",
        '<img src="https://example.org/a.png" alt="Boat" style="width:9px">',
    ),
    ("parity/link-not-in-text", "note", '<a href="https://example.org/a">Boats</a>'),
    (
        "parity/link-not-in-text",
        "warning",
        '<a href="https://example.org/a" class="button">Boats</a>',
    ),
    ("parity/link-not-in-text", "error", f'<a href="{TOKEN}">Boats</a>'),
    ("styles/unused", "note", "<style>.quay { color: #123456 }</style>"),
    (
        "styles/unused",
        "warning",
        '<style>.buton { color: #123456 }</style><p class="button">Boats</p>',
    ),
    ("compatibility/css-rgba", "note", TABLE % "box-shadow:0 1px 2px rgba(0,0,0,.2)"),
    ("compatibility/css-rgba", "warning", TABLE % "background-color:rgba(0,0,0,.2)"),
    ("compatibility/css-border-spacing", "note", TABLE % "border-spacing:0"),
    ("compatibility/css-border-spacing", "warning", TABLE % "border-spacing:9px"),
    ("compatibility/css-box-sizing", "note", TABLE % "box-sizing:border-box"),
    (
        "mjml/missing-body",
        "error",
        '<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head></mjml>',
    ),
    ("jinja/unknown-test", "error", "{{ 'yes' if name is harbour }}"),
    (
        "mjml/default-with-content",
        "error",
        HEADS.format(
            '<mj-attributes><mj-class name="a"><mj-text color="red" /></mj-class></mj-attributes>',
            "",
        ),
    ),
    (
        "mjml/default-with-content",
        "error",
        HEADS.format("<mj-attributes><mj-preview>Boats</mj-preview></mj-attributes>", ""),
    ),
    (
        "mjml/second-element",
        "warning",
        HEADS.format("<mj-title>News</mj-title><mj-title>Boats</mj-title>", ""),
    ),
    (
        "mjml/second-element",
        "error",
        HEADS.format("<mj-title>News</mj-title>", "<mj-body></mj-body>"),
    ),
]
"""What gives a finding each severity of its rule: choices of many designers, such as grey small
print, are notes.

Other rules have one severity, and `Rules.finding` refuses any other.
"""


@pytest.mark.parametrize(("rule", "severity", "markup"), PLANTED)
def test_each_severity_that_is_named_can_be_found(
    tmp_path: Path, rule: str, severity: str, markup: str
) -> None:
    mail = (
        {"news.mjml": markup}
        if markup.startswith("<mjml")
        else {"news.html": PAGE.replace("{}", markup)}
    )
    others = {"news.samples.toml": '[first]\nname = "Ada"\n', "news.txt": "Boats\n"}
    assert {one.severity for one in found_in(tmp_path, mail | others, rule)} == {severity}


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<a href="http://example.org">Boats</a>', "others on the network can see it."),
        (
            f'<a href="{TOKEN.replace("https", "http")}">Boats</a>',
            "others on the network can read its token.",
        ),
        ('<a href="https://example.org/a">Boats', "<a> is never closed."),
        ('<a name="boats">Boats', ""),
        ('<a href="https://example.org/a"/>Boats', ""),
    ],
)
def test_of_a_link_it_says_what_others_see_and_whether_it_is_closed(
    tmp_path: Path, markup: str, said: str
) -> None:
    rules = "links/http", "html/unclosed-tag"
    messages = [
        one.message for one in found_in(tmp_path, {"news.html": PAGE.replace("{}", markup)}, *rules)
    ]
    assert (len(messages), said in "".join(messages)) == (bool(said), True), messages


def test_a_feature_names_the_clients_that_lack_it() -> None:
    about = explain_rule("compatibility/css-display-flex")
    assert "Outlook for Windows" in about.why
    assert about.bad == "display:flex"
