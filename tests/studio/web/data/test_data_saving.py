"""What was edited, saved as a sample from the studio."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.studio.web.fixtures import Client
from tests.studio.web.orders import ORDERS, order_studio

from keyturn.studio.web.app import Studio

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def save(client: Client, address: str, sample: str, /, *, replaces: bool = False, **values: str) -> Any:
    """Save the values of a form as a sample, as the page's script does."""
    sent = {"name": sample, "edit": json.dumps(values), "replaces": replaces}
    return client.post(f"/studio/templates/{address}", json=sent, headers=SAME_ORIGIN)


def test_it_is_written_beside_the_others_and_the_page_goes_to_it(client: Client, folder: Path) -> None:
    answer = save(client, "order?sample=lamp&width=375", "two_days", name="Grace", life="P2D")
    assert answer.json() == {"address": "/studio/templates/order?sample=two_days&width=375"}
    written = (folder / "order" / "samples.toml").read_text()
    assert written.startswith(ORDERS)
    assert '[two_days]\nname = "Grace"' in written
    assert 'life = "P2D"' in written
    assert "Order for Grace" in client.get("/studio/frames/order?sample=two_days").text
    assert 'value="two_days"' in client.get(answer.json()["address"]).text


def test_a_sample_of_the_same_name_is_replaced_only_when_that_is_wanted(client: Client, folder: Path) -> None:
    asked = save(client, "order?sample=lamp", "lamp", name="Grace")
    assert asked.status_code == 409
    assert (asked.json()["detail"], asked.json()["replaceable"]) == ("A sample named lamp already exists.", True)
    assert (folder / "order" / "samples.toml").read_text() == ORDERS
    done = save(client, "order?sample=lamp", "lamp", replaces=True, name="Grace")
    assert done.json() == {"address": "/studio/templates/order?sample=lamp"}
    written = (folder / "order" / "samples.toml").read_text()
    assert 'name = "Grace"' in written
    assert written.endswith(ORDERS[ORDERS.index("# What comes after.") :])


@pytest.mark.parametrize("name", ["", "two words", "../../etc/passwd", "a" * 61, "hostile: HTML", "[x]", "-"])
@pytest.mark.long
def test_a_name_that_is_none_is_refused(client: Client, folder: Path, name: str) -> None:
    answer = save(client, "order?sample=lamp", name, name="Grace")
    assert (answer.status_code, answer.json()["replaceable"]) == (409, False)
    assert re.match(r"A sample needs a name\.|A name is up to 60 letters", answer.json()["detail"])
    assert (folder / "order" / "samples.toml").read_text() == ORDERS


def test_values_that_do_not_fit_are_not_saved(client: Client, folder: Path) -> None:
    answer = save(client, "order?sample=lamp", "long", name="Wilhelmina Charlotte")
    assert answer.json()["detail"] == "Some values are not valid yet. Correct them first."
    assert (folder / "order" / "samples.toml").read_text() == ORDERS


def test_a_template_without_samples_is_given_a_file_of_its_own(client: Client, folder: Path) -> None:
    (folder / "digest.samples.toml").unlink()
    assert save(client, "digest", "first", title="Guessed and corrected").status_code == 200
    assert 'title = "Guessed and corrected"' in (folder / "digest.samples.toml").read_text()


def test_the_form_says_where_it_is_written_or_that_it_cannot_be(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "In <code>order/samples.toml</code>" in client.get("/studio/templates/order").text
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root every folder can be written to
    page = client.get("/studio/templates/order").text
    assert "Keyturn cannot write to this folder." in page
    assert 'name="as"' not in page
