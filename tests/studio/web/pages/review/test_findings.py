"""All findings of the folder on one page: by filters that stand in the address, as plain GETs."""

import re
from html import unescape
from pathlib import Path

import pytest
from tests.studio.web.fixtures import (
    AT_ONCE,
    NOTICE,
    RIGHT,
    WRONG,
    Client,
    checked_page,
    opened,
    save,
)

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.web.app import Studio


def page_of(client: Client, query: str = "") -> str:
    return checked_page(client, f"findings{query}")


def groups(page: str) -> list[tuple[str, str, str]]:
    """Return severity, rule and where of each group."""
    return [
        (severity, rule, " ".join(unescape(where).split()))
        for severity, rule, where in re.findall(
            r'<summary.*?class="severity (\w+)".*?<code>(.*?)</code>\s*<span '
            r'class="where">(.*?)</span>',
            page,
            re.DOTALL,
        )
    ]


@pytest.fixture
def broken(folder: Path) -> Path:
    save(folder, RIGHT, WRONG)
    save(folder, ' lang="{{ lang }}"', "", "_layout/base.mjml")
    return folder


def test_equal_findings_are_one_the_worst_first_that_leads_to_its_lines_and_mails(
    client: Client, broken: Path
) -> None:
    shown = page_of(client)
    assert (
        'href="/studio/templates/greeting?show=source#L8">greeting/greeting.mjml:8:10</a>' in shown
    )
    assert 'href="/studio/files/_layout/base.mjml#L1">_layout/base.mjml:1:1</a>' in shown
    there = re.escape("&amp;line=greeting%2Fgreeting.mjml%3A8&amp;tab=checks")
    found = re.search(
        rf'<a href="(/studio/templates/greeting\?sample=ada&amp;lang=(\w+){there})">greeting/ada '
        r"(.*?)</a>",
        shown,
    )
    assert found
    assert found[2] == found[3]
    assert client.get(unescape(found[1])).status_code == 200
    assert '<mark>colour</mark>="red"' in unescape(shown)

    (broken / "notice" / "notice.mjml").write_text(
        NOTICE.replace("<mj-text>", '<mj-text colour="red">')
    )
    listed = groups(page_of(client))
    assert listed[0][:2] == ("error", "mjml/unknown-attribute")
    assert re.fullmatch(r"2 places, in \d+ mails", listed[0][2])
    severities = [severity for severity, _, _ in listed]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


@pytest.mark.usefixtures("broken")
@pytest.mark.long
def test_filters_stand_in_the_address(client: Client) -> None:
    for query in ("severity=error", "words=mjml/unknown", "words=COLOUR+ignores"):
        assert {rule for _, rule, _ in groups(page_of(client, f"?{query}"))} == {
            "mjml/unknown-attribute"
        }
    for query in ("words=mjml/unknown-attribute&severity=warning", "words=colour+notice"):
        page = page_of(client, f"?{query}")
        assert (groups(page), "No finding matches these filters" in page) == ([], True)


def test_of_many_mails_that_were_not_checked_three_are_named(client: Client, folder: Path) -> None:
    assert "not checked, or not in full" not in page_of(client)
    samples = "".join(f'[{name}]\nwhat = "The heating is back"\n' for name in "abcde")
    (folder / "notice" / "samples.toml").write_text(samples)
    (folder / "notice" / "notice.mjml").write_text("{% include 'gone.mjml' %}")
    said = (
        "7 mails were not checked, or not in full: notice/a ar, notice/a de, notice/a en, and "
        "4 more."
    )
    assert said in page_of(client)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("address", ["findings", "", "sheet", "files/_layout/base.mjml", "inbox"])
@pytest.mark.long
def test_a_page_that_does_not_wait_fills_and_the_list_beside_it(
    client: Client, address: str
) -> None:
    page, filled = (
        client.get(f"/studio/{address}", headers=AT_ONCE).text,
        checked_page(client, address),
    )
    assert ["Checking the templates." in page, "This page updates itself." in filled] == [
        address == "findings",
        False,
    ]
    assert ['<span>Findings</span><span class="tally"' in one for one in (page, filled)] == [
        False,
        True,
    ]


def test_a_folder_with_nothing_to_fix_is_told_so(studio: Studio, folder: Path) -> None:
    for file in (folder / "notice").iterdir():
        file.unlink()
    calm = StudioSettings(severity={"compatibility": "off", "accessibility": "off"})
    with opened(studio, settings=calm) as client:
        page = page_of(client)
    assert groups(page) == []
    assert "No problems found" in page
    assert "Keyturn checked the template in" in page


def test_a_long_list_is_cut_into_pages_and_a_finding_into_bounds(
    client: Client, folder: Path
) -> None:
    lines = '<mj-text colour="red">x</mj-text>\n' * 60
    lines += "".join(
        f'<mj-text name{number}="x">{"long " * 200}</mj-text>\n' for number in range(120)
    )
    (folder / "notice" / "notice.mjml").write_text(NOTICE.replace("<mj-text>", f"{lines}<mj-text>"))
    page = page_of(client)
    assert len(groups(page)) == 50
    assert "Page 1 of 3" in page
    assert 'rel="next" href="?page=2"' in page
    assert "and 40 more places" in page
    assert len(page) < 400_000
    assert "Page 3 of 3" in page_of(client, "?page=900")


@pytest.mark.parametrize("query", ["?severity=fatal", "?page=0", f"?words={'x' * 201}"])
def test_an_address_that_asks_for_what_does_not_exist_is_told_so(
    client: Client, query: str
) -> None:
    answer = client.get(f"/studio/findings{query}")
    assert answer.status_code == 400
    assert "The address cannot be read: " in unescape(answer.text)
