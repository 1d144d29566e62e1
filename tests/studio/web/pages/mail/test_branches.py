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


def test_they_stand_folded_under_the_mail_once_they_are_found(client: Client) -> None:
    assert "branch: notice.mjml:2" not in client.get("/studio/templates/notice").text
    page = checked_page(client, "checks/notice?tab=checks")

    folded = page[page.index('<details id="branches"') :].partition("</details>")[0]
    assert not folded.startswith('<details id="branches" class="folded" open')
    assert "/studio/templates/notice?sample=branch%3A+notice.mjml%3A2" in folded
    assert "notice / branch: notice.mjml:2" in {item["label"] for item in client.get("/studio/index.json").json()}
    assert "1 error" in page[page.index('id="template-notice"') :].partition("</div>")[0]


def test_a_branch_has_an_address_of_its_own_and_follows_the_template(client: Client, notice: Path) -> None:
    view = "?sample=branch%3A+notice.mjml%3A2"

    assert "Now" in client.get(f"/studio/frames/notice{view}").text
    page = client.get(f"/studio/templates/notice{view}&tab=checks").text
    assert "<strong>branch: notice.mjml:2</strong>" in page
    assert "mjml/unknown-attribute" in page
    assert 'rel="prev" href="/studio/templates/notice?sample=only&amp;tab=checks"' in page
    notice.write_text("\n" + notice.read_text())
    assert "branch%3A+notice.mjml%3A3" in checked_page(client, "checks/notice?tab=checks")
    assert client.get(f"/studio/templates/notice{view}").status_code == 404
