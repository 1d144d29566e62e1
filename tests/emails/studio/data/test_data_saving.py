"""What was edited, saved as a sample from the studio."""

import json
import os
import re
from html import unescape
from pathlib import Path

import pytest
from tests.emails.studio.fixtures import Client
from tests.emails.studio.orders import ORDERS, form_of, order_studio

from keyturn.studio.web import Studio

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def sent_from(sample: str, /, **values: str) -> dict[str, str]:
    """Return the form of a page as a browser sends it: the name of the sample, and the edit of its values."""
    return {"as": sample, "edit": json.dumps(values)}


def test_it_is_written_beside_the_others_and_the_page_goes_to_it(client: Client, folder: Path) -> None:
    sent = sent_from("two_days", name="Grace", life="P2D")
    answer = client.post("/studio/templates/order?sample=lamp&width=375", data=sent, headers=SAME_ORIGIN)
    assert str(answer.url).endswith("/studio/templates/order?sample=two_days&width=375")
    written = (folder / "order" / "samples.toml").read_text()
    assert written.startswith(ORDERS)
    assert '[two_days]\nname = "Grace"' in written
    assert 'life = "P2D"' in written
    assert "Order for Grace" in client.get("/studio/frames/order?sample=two_days").text
    assert 'value="two_days"' in answer.text


def test_a_sample_of_the_same_name_is_replaced_only_when_that_is_wanted(client: Client, folder: Path) -> None:
    sent = sent_from("lamp", name="Grace")
    asked = client.post("/studio/templates/order?sample=lamp", data=sent, headers=SAME_ORIGIN)
    assert "A sample named lamp already exists." in asked.text
    assert form_of(asked.text)["values"]["name"] == "Grace"
    assert (folder / "order" / "samples.toml").read_text() == ORDERS
    again = {**sent, "replace": "yes"}
    done = client.post("/studio/templates/order?sample=lamp", data=again, headers=SAME_ORIGIN)
    assert dict(done.url.params) == {"sample": "lamp"}
    written = (folder / "order" / "samples.toml").read_text()
    assert written.replace('name = "Grace"  # short', 'name = "Ada"  # short') != ORDERS  # the defaults are written too
    assert 'name = "Grace"  # short' in written
    assert written.endswith(ORDERS[ORDERS.index("# What comes after.") :])


@pytest.mark.parametrize("name", ["", "two words", "../../etc/passwd", "a" * 61, "hostile: HTML", "[x]", "-"])
@pytest.mark.long
def test_a_name_that_is_none_is_told_and_what_was_typed_stays(client: Client, folder: Path, name: str) -> None:
    sent = sent_from(name, name="Grace")
    answer = client.post("/studio/templates/order?sample=lamp", data=sent, headers=SAME_ORIGIN)
    assert "A sample needs a name." in answer.text or "A name is up to 60 letters" in answer.text
    assert form_of(answer.text)["values"]["name"] == "Grace"
    assert f'name="as" value="{name}"' in unescape(answer.text)
    assert (folder / "order" / "samples.toml").read_text() == ORDERS


def test_what_is_in_the_way_is_told_once(client: Client) -> None:
    page = client.get("/studio/templates/order?sample=lamp&save=lamp").text
    assert "A sample named lamp already exists." in page
    links = [link for link in re.findall(r"<a[^>]*>", page) if 'aria-current="page"' not in link]
    assert not [link for link in links if "save=" in link]
    assert "save=" not in form_of(page)["address"]


def test_values_that_do_not_fit_are_not_saved(client: Client, folder: Path) -> None:
    sent = sent_from("long", name="Wilhelmina Charlotte")
    answer = client.post("/studio/templates/order?sample=lamp", data=sent, headers=SAME_ORIGIN)
    assert "Some values are not valid yet. Correct them first." in answer.text
    assert "At most 12 characters." in answer.text
    assert (folder / "order" / "samples.toml").read_text() == ORDERS


def test_a_template_without_samples_is_given_a_file_of_its_own(client: Client, folder: Path) -> None:
    (folder / "digest.samples.toml").unlink()
    sent = sent_from("first", title="Guessed and mended")
    assert client.post("/studio/templates/digest", data=sent, headers=SAME_ORIGIN).status_code == 200
    assert 'title = "Guessed and mended"' in (folder / "digest.samples.toml").read_text()


def test_the_form_says_where_it_is_written_or_that_it_cannot_be(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "In <code>order/samples.toml</code>" in client.get("/studio/templates/order").text
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root every folder can be written to
    page = client.get("/studio/templates/order").text
    assert "Keyturn cannot write to this folder." in page
    assert 'name="as"' not in page
