"""A folder of Liquid in the studio: its pages, its parts, and what is typed into its files."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.emails.engines.liquid.folders import NOTIFICATIONS

from keyturn.emails.engines.folder_engine import open_templates
from keyturn.emails.studio import Studio, create_studio_app

pytestmark = pytest.mark.slow

Client = TestClient[Litestar]
MAIL = "order_confirmation"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    folder = shutil.copytree(NOTIFICATIONS, tmp_path / "notifications")
    studio = Studio(gallery=open_templates(folder), sender="Harbour & Sons <help@harbour.example>")
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        yield client


def typed(client: Client, what: str, file: str, text: str) -> Any:
    body = {"file": file, "text": text, "editor": "one"}
    headers = {"sec-fetch-site": "same-origin"}
    return client.post(f"/studio/{what}/{MAIL}?sample=paid", json=body, headers=headers).json()


def test_a_mail_has_its_page_its_data_and_its_engine_below(client: Client) -> None:
    page = client.get(f"/studio/templates/{MAIL}?sample=paid").text
    assert "Order #1001 is confirmed" in page
    assert 'value="Harbour &amp; Sons"' in page
    assert "Liquid " in page.rpartition(" ms")[0]


def test_a_template_that_cannot_be_drawn_is_covered_by_what_is_wrong(client: Client, tmp_path: Path) -> None:
    (tmp_path / "notifications" / "snippets" / "footer.liquid").write_text("<p>\n{% if shop %}")
    page = client.get(f"/studio/templates/{MAIL}?sample=paid").text
    assert "{% if %} is never closed: {% endif %} is missing" in page
    assert "snippets/footer.liquid:2:1" in page


def test_a_partial_is_drawn_alone_with_its_uses(client: Client) -> None:
    page = client.get("/studio/components/snippets/line-item.liquid").text
    assert "order_confirmation.liquid:14" in page
    frame = client.get("/studio/component-frames/required/-/snippets/line-item.liquid").text
    assert "<p>1 x " in frame


@pytest.mark.parametrize("file", [f"{MAIL}.liquid", "snippets/footer.liquid"])
def test_what_is_typed_is_drawn_and_checked_and_not_written(client: Client, tmp_path: Path, file: str) -> None:
    path = tmp_path / "notifications" / file
    before = path.read_text()
    after = before + "\n<p>Typed for {{ customer.first_name | shout }}</p>"
    drawn = typed(client, "drafts", file, after)
    assert drawn["fault"] is None
    assert "Typed for Ada" in client.get(drawn["frame"]).text
    found = typed(client, "draft-findings", file, after)["findings"]
    assert ("liquid/unknown-filter", after.count("\n") + 1) in [(one["rule"], one["line"]) for one in found]
    assert path.read_text() == before


def test_an_editor_completes_liquids_own_filters_and_the_names_of_the_mail(client: Client) -> None:
    words = client.get(f"/studio/vocabulary/{MAIL}").json()
    assert {"upcase", "divided_by"} <= {*words["filters"]}
    assert "selectattr" not in words["filters"]
    assert words["tests"] == []
    assert "financial_status" in words["variables"]
