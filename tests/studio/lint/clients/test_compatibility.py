"""What Can I email says, read without its traps, and told only of what the author brought in."""

from pathlib import Path

import pytest
from tests.studio.lint.planting import Mails

from keyturn.studio.lint.checks.compatibility import check_compatibility
from keyturn.studio.lint.clients.clients import GROUPS, MAJOR, UnknownClients, clients_in
from keyturn.studio.lint.finding import Finding

LETTER = """<mjml lang="en"><mj-head><mj-title>Hello</mj-title><mj-style>{css}</mj-style></mj-head>
<mj-body><mj-section><mj-column><mj-text>{html}</mj-text></mj-column></mj-section></mj-body></mjml>"""


def found(
    tmp_path: Path, html: str = "", css: str = "", clients: tuple[str, ...] = MAJOR
) -> dict[str, Finding]:
    mails = Mails(tmp_path)
    mails.write("letter/letter.mjml", LETTER.replace("{css}", css).replace("{html}", html))
    document = mails.read_values("letter", {})
    return {
        finding.rule.partition("/")[2]: finding
        for finding in check_compatibility(document, clients)
    }


@pytest.mark.parametrize(
    ("feature", "html", "css"),
    [
        ("css-unit-rem", '<p style="padding-top: 2rem">One</p>', ""),
        ("html-meta-color-scheme", '<meta name="color-scheme" content="light">', ""),
        ("html-svg", "<svg><circle/></svg>", ""),
        ("html-anchor-links", '<a href="#more">More about it</a>', ""),
        ("html-hidden", "<p hidden>x</p>", ""),
        ("image-svg", '<img src="https://a.example/a.svg?v=2" alt="Harbour" width="20">', ""),
        ("css-modern-color", '<p style="color:oklch(40% 0.2 10)">x</p>', ""),
        (
            "css-border-radius",
            '</mj-text><mj-button border-radius="14px" href="/">Go</mj-button><mj-text>',
            "",
        ),
        ("css-unit-rem", "", "@media (max-width: 30rem) { .card { color: #111111; } }"),
        ("css-pseudo-class-hover", "", ".card a:hover { color: #111111; }"),
        ("css-pseudo-class-nth-child", "", ".card td:nth-child(2) { color: #111111; }"),
        ("css-nesting", "", ".card { & td { color: #111111; } }"),
        ("css-at-media-orientation", "", "@media(orientation:landscape) { p { color: red } }"),
        (
            "css-at-media-orientation",
            "",
            "@MEDIA screen and (orientation: portrait) { p { color: red } }",
        ),
    ],
)
def test_a_feature_is_found_where_it_is_written(
    tmp_path: Path, feature: str, html: str, css: str
) -> None:
    place = found(tmp_path, f"\n{html}" if html else "", f"\n{css}" if css else "")[feature].place
    assert place.line == (3 if html else 2)


def test_a_rule_in_a_media_query_hides_no_rule_before_it_from_the_clients_that_drop_the_query(
    tmp_path: Path,
) -> None:
    css = ".a { border-radius: 4px } @media (max-width: 480px) { .a { color: #111111 } }"
    assert "outlook/windows" in {
        one.client for one in found(tmp_path, css=css)["css-border-radius"].clients
    }


def test_where_no_way_out_is_written_down_the_source_s_note_is_one(tmp_path: Path) -> None:
    way_out = found(tmp_path, '<p style="background-position:top">x</p>')[
        "css-background-position"
    ].fix
    assert (way_out[:33], "](" in way_out) == ("Background images position can be", False)
    general = found(tmp_path, '<p style="filter:blur(1px)">x</p>')["css-filter"].fix
    assert general == "Check that the mail also works without it."


def test_a_finding_names_only_clients_that_were_chosen(tmp_path: Path) -> None:
    html = '<p style="object-fit:cover">x</p>'
    both = clients_in(["samsung", "Outlook "])
    assert both == (*GROUPS["outlook"], *GROUPS["samsung"])
    lacking = found(tmp_path, html, clients=both)["css-object-fit"].message.partition(". ")[0]
    assert "Outlook for Windows" in lacking
    assert "Gmail" not in lacking
    everybody = found(tmp_path, html, clients=clients_in(["all"]))["css-object-fit"].message
    assert "WEB.DE" in everybody


def test_a_group_that_does_not_exist_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownClients) as refused:
        clients_in(["gmail", "aple"])
    assert str(refused.value).startswith(
        "no group of clients is called 'aple' (did you mean apple?); the groups are "
    )
    assert all(group in str(refused.value) for group in GROUPS)


def test_the_rules_that_are_inlined_are_judged_by_what_they_declare_alone(tmp_path: Path) -> None:
    """Their selectors are never sent."""
    inlined = f'</mj-style><mj-style inline="inline">{".a > b:nth-child(2) { display: flex }"}'
    rules = set(found(tmp_path, "<p>x</p>", inlined))
    assert ("css-display-flex" in rules, "css-pseudo-class-nth-child" in rules) == (True, False)


@pytest.mark.parametrize(
    "css",
    [
        "@media (prefers-color-scheme: dark) { p { border-radius: 4px; transform: none } }",
        "@supports (display: grid) { p { display: grid } }",
        "[data-ogsc] p { transform: none }",
        "[data-ogac] p { transform: none; padding: 4px }",
    ],
)
def test_what_is_offered_only_to_clients_that_have_it_is_not_missed(
    tmp_path: Path, css: str
) -> None:
    assert set(found(tmp_path, css=css)) <= {"css-at-supports", "html-style"}


def test_a_finding_counts_the_clients_that_have_a_part_of_a_feature_and_says_what_is_missing(
    tmp_path: Path,
) -> None:
    message = found(tmp_path, '<p style="mix-blend-mode:multiply">x</p>')[
        "css-mix-blend-mode"
    ].message
    assert (
        "only in part in Gmail on iOS and Gmail on Android (Not supported with non Google accounts)"
        in message
    )
    assert (
        ", in part in "
        in found(tmp_path, '<base href="https://northwind.example/">')["html-base"].message
    )
