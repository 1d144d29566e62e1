"""What the studio shows of the checks, as plain GETs."""

import re
from pathlib import Path

from tests.studio.web.fixtures import Client, checked_page, save

RIGHT, WRONG = "<mj-text>The end", '<mj-text colour="red">The end'
AT_ONCE = {"prefer": "respond-async"}


def words(page: str) -> str:
    """Return what a reader sees of the tab."""
    detail = page[page.index('data-region="detail"') : page.index("</aside>")]
    return " ".join(re.sub(r"<[^>]+>", " ", detail).split())


def test_a_finding_has_its_severity_message_way_out_place_and_lines(client: Client, folder: Path) -> None:
    save(folder, "<mj-button href", "<mj-buton href")
    said = words(client.get("/studio/templates/greeting?tab=checks").text)
    assert "Error mjml/unknown-element MJML has no element &lt;mj-buton&gt;. Did you mean &lt;mj-button&gt;?" in said
    assert "greeting.mjml:6:1 &lt;mj-text&gt;Hello {{ name }}&lt;/mj-text&gt; &lt;mj-buton href=" in said


def test_errors_come_before_warnings_and_notes_are_folded(client: Client, folder: Path) -> None:
    save(folder, ' lang="{{ lang }}"', "", "_layout/base.mjml")
    save(folder, RIGHT, WRONG)
    page = client.get("/studio/templates/greeting?tab=checks").text
    shown, _, rest = page.partition('<details id="notes" class="notes">')
    folded = rest.partition("</details>")[0]
    assert re.findall(r'class="severity (\w+)"', shown) == ["error", "warning"]
    assert set(re.findall(r'class="severity (\w+)"', folded)) == {"note"}


def test_the_tab_and_the_list_say_how_many_errors_and_warnings_there_are(client: Client, folder: Path) -> None:
    save(folder, ' lang="{{ lang }}"', "", "_layout/base.mjml")
    save(folder, RIGHT, WRONG)
    page = checked_page(client, "checks/greeting?sample=ada&tab=checks")
    tab = page[page.index('id="tab-checks"') : page.index('id="tab-links"')]
    assert 'title="1 error, 1 warning"' in tab
    assert '<span class="count error">1<span class="hidden"> error</span></span>' in tab
    listed = page[page.index('id="findings-of-greeting"') : page.index('id="template-notice"')]
    assert '<span class="count error">1 error</span> <span class="count warning">1 warning</span>' in listed


def test_a_place_leads_to_its_line_in_the_source(client: Client, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    save(folder, "<mj-section>", "<mj-sektion>", "_layout/base.mjml")
    save(folder, "</mj-section>", "</mj-sektion>", "_layout/base.mjml")
    page = client.get("/studio/templates/greeting?sample=ada&tab=checks&pane=details").text
    own, shared = "greeting?sample=ada&amp;show=source&amp;tab=checks#L8", "_layout/base.mjml?tab=checks#L12"
    assert f'<a href="/studio/templates/{own}">greeting.mjml:8:10</a>' in page
    assert f'<a href="/studio/files/{shared}">_layout/base.mjml:12:5</a>' in page
    assert '<li id="L8">' in client.get("/studio/templates/greeting?sample=ada&show=source&tab=checks").text


def test_the_text_part_and_the_samples_have_places_too(client: Client, folder: Path) -> None:
    (folder / "greeting" / "greeting.txt").write_text("Hello {{ nmae }}\n")
    page = client.get("/studio/templates/greeting?sample=ada&tab=checks").text
    assert '&amp;show=source&amp;file=text&amp;tab=checks#L1"' in page
    (folder / "greeting" / "samples.toml").write_text("[ada]\nname = \n")
    page = client.get("/studio/templates/greeting?tab=checks").text
    assert "Error samples/invalid" in words(page)
    assert '?show=source&amp;file=samples&amp;tab=checks#L2"' in page


def test_who_wants_the_mail_at_once_gets_it_without_the_checks(client: Client, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    page = client.get("/studio/templates/greeting?sample=ada&tab=checks", headers=AT_ONCE).text
    assert words(page).endswith("Checking this mail.")
    assert 'data-checks="/studio/checks/greeting?sample=ada&amp;tab=checks"' in page


def test_a_reset_mail_says_what_makes_it_safe_and_what_is_missing(client: Client, folder: Path) -> None:
    token = "https://account.northwind.example/reset/kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
    save(folder, "https://account.northwind.example/open/one", token, "greeting/samples.toml")
    said = words(client.get("/studio/templates/greeting?sample=ada&tab=checks").text)
    assert (
        "Safety of a reset mail 7 of 9 Warning Missing: lifetime of the link · what to do if you did not request it "
        "one button" in said
    )
    save(folder, "The end", "It works for 30 minutes. If it was not you, ignore this mail.")
    said = words(client.get("/studio/templates/greeting?sample=ada&tab=checks").text)
    assert "Safety of a reset mail 9 of 9 one button · https · " in said
    assert "Safety of a reset mail" not in words(client.get("/studio/templates/notice?tab=checks").text)
