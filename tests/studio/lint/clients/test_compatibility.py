"""What Can I email says, read without its traps, and told only of what the author brought in."""

from pathlib import Path

import pytest
from tests.studio.lint.planting import Mails

from keyturn.studio.lint.clients.clients import GROUPS, MAJOR, UnknownClients, clients_in
from keyturn.studio.lint.clients.features import check_compatibility
from keyturn.studio.lint.finding import Finding

LETTER = """<mjml lang="en"><mj-head><mj-title>Hello</mj-title><mj-style>{css}</mj-style></mj-head>
<mj-body><mj-section><mj-column><mj-text>{html}</mj-text></mj-column></mj-section></mj-body></mjml>"""


def found(tmp_path: Path, html: str = "", css: str = "", clients: tuple[str, ...] = MAJOR) -> dict[str, Finding]:
    mails = Mails(tmp_path)
    mails.write("letter/letter.mjml", LETTER.replace("{css}", css).replace("{html}", html))
    document = mails.read_values("letter", {})
    return {finding.rule.partition("/")[2]: finding for finding in check_compatibility(document, clients)}


def test_a_rule_in_a_media_query_hides_no_rule_before_it_from_the_clients_that_drop_the_query(tmp_path: Path) -> None:
    css = ".a { border-radius: 4px } @media (max-width: 480px) { .a { color: #111111 } }"

    assert "outlook/windows" in {one.client for one in found(tmp_path, css=css)["css-border-radius"].clients}


def test_a_finding_counts_the_clients_that_have_a_part_of_a_feature(tmp_path: Path) -> None:
    message = found(tmp_path, '<p>x</p><base href="https://northwind.example/">')["html-base"].message
    assert message == (
        "<base>: ignored in Outlook on Android. Works in 8 of 41 clients, in part in 16 more, tested 2021-12."
    )


@pytest.mark.parametrize(
    "media",
    [
        "@media only screen and (orientation: portrait)",
        "@media(orientation:landscape)",
        "@MEDIA screen and (orientation: portrait)",
    ],
)
def test_a_media_rule_is_one_however_it_is_written(tmp_path: Path, media: str) -> None:
    assert "css-at-media-orientation" in found(tmp_path, css=media + " { p { color: red } }")


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
    assert str(refused.value).startswith("no group of clients is called 'aple' (did you mean apple?); the groups are ")
    assert all(group in str(refused.value) for group in GROUPS)
    with pytest.raises(UnknownClients, match=r"is called 'pigeon'; the groups are"):
        clients_in(["pigeon"])


def test_the_rules_that_are_inlined_are_judged_by_what_they_declare_alone(tmp_path: Path) -> None:
    """Their selectors are never sent."""
    css = ".a > b:nth-child(2) { display: flex }"
    mails = Mails(tmp_path)
    head = LETTER.replace("{html}", "<p>x</p>").replace("{css}", css)
    mails.write("letter/letter.mjml", head.replace("<mj-style>", '<mj-style inline="inline">'))
    rules = {finding.rule for finding in check_compatibility(mails.read_values("letter", {}))}
    assert rules == {"compatibility/css-display-flex"}
    assert "css-pseudo-class-nth-child" in found(tmp_path, css=css)


@pytest.mark.parametrize(
    "css",
    [
        "@media (prefers-color-scheme: dark) { p { border-radius: 4px; transform: none } }",
        "@supports (display: grid) { p { display: grid } }",
        "[data-ogsc] p { transform: none }",
        "[data-ogac] p { transform: none; padding: 4px }",
    ],
)
def test_what_is_offered_only_to_clients_that_have_it_is_not_missed(tmp_path: Path, css: str) -> None:
    assert set(found(tmp_path, css=css)) <= {"css-at-supports", "html-style"}


def test_partial_support_is_told_with_what_is_missing(tmp_path: Path) -> None:
    message = found(tmp_path, '<p style="mix-blend-mode:multiply">x</p>')["css-mix-blend-mode"].message
    assert "only in part in Gmail on iOS and Gmail on Android (Not supported with non Google accounts)" in message


def test_where_no_way_out_is_written_down_the_source_s_note_is_one(tmp_path: Path) -> None:
    way_out = found(tmp_path, '<p style="background-position:top">x</p>')["css-background-position"].fix
    assert way_out.startswith("Background images position can be used in VML")
    assert "](" not in way_out
    assert found(tmp_path, '<p style="filter:blur(1px)">x</p>')["css-filter"].fix == (
        "Check that the mail also works without it."
    )
