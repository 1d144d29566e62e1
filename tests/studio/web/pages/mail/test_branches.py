"""The branches of a mail in the studio: in the list."""

from pathlib import Path

import pytest
from tests.studio.web.fixtures import NOTICE, Client, checked_page

BRANCHES = """{% if urgent %}
<mj-text colour="red">Now</mj-text>
{% endif %}
<mj-text>"""


@pytest.fixture(autouse=True)
def notice(folder: Path) -> Path:
    """Give the notice a branch with a mistake."""
    (folder / "notice" / "notice.mjml").write_text(NOTICE.replace("<mj-text>", BRANCHES))
    return folder / "notice" / "notice.mjml"


def checked(client: Client, view: str = "?tab=checks") -> str:
    return checked_page(client, f"checks/notice{view}")


def test_they_stand_folded_under_the_mail_once_they_are_found(client: Client) -> None:
    assert "branch: notice.mjml:2" not in client.get("/studio/templates/notice").text
    page = checked(client)

    folded = page[page.index('<details id="branches"') :].partition("</details>")[0]
    assert not folded.startswith('<details id="branches" class="folded" open')
    assert "/studio/templates/notice?sample=branch%3A+notice.mjml%3A2" in folded
    assert "1 error" in page[page.index('id="template-notice"') :].partition("</div>")[0]


def test_a_branch_has_an_address_of_its_own(client: Client) -> None:
    view = "?sample=branch%3A+notice.mjml%3A2"

    assert "Now" in client.get(f"/studio/frames/notice{view}").text
    page = client.get(f"/studio/templates/notice{view}&tab=checks").text
    assert "<strong>branch: notice.mjml:2</strong>" in page
    assert "mjml/unknown-attribute" in page
    assert client.get("/studio/templates/notice?sample=branch%3A+notice.mjml%3A9").status_code == 404


def test_a_branch_follows_the_template(client: Client, notice: Path) -> None:
    checked(client)
    notice.write_text("\n" + notice.read_text())

    assert "branch%3A+notice.mjml%3A3" in checked(client)
    assert client.get("/studio/templates/notice?sample=branch%3A+notice.mjml%3A2").status_code == 404


def test_the_palette_finds_them(client: Client) -> None:
    checked(client)

    assert "notice / branch: notice.mjml:2" in {item["label"] for item in client.get("/studio/index.json").json()}


def test_keys_go_from_branch_to_branch_and_past_them_from_a_sample(client: Client) -> None:
    checked(client)

    branch = client.get("/studio/templates/notice?sample=branch%3A+notice.mjml%3A2").text
    assert 'rel="prev" href="/studio/templates/notice?sample=only"' in branch
    assert "branch" not in client.get("/studio/templates/notice").text.partition('rel="prev"')[2].partition("</div>")[0]
