"""The data of a page: the form that a script makes of it, what does not fit, and what is saved as a
sample.
"""

import json
import os
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.studio.web.fixtures import OURS, Client
from tests.studio.web.orders import ORDERS, form_of, order_studio

from keyturn.studio.web.app import Studio

PAGE = "/studio/templates/order"
MOMENT = {"type": "string", "format": "date-time"}
NONE = {"nullable": True, "default": None}


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def page_of(client: Client, edit: object = None, query: str = "") -> str:
    edit = (
        ""
        if edit is None
        else f"&edit={quote(edit if isinstance(edit, str) else json.dumps(edit))}"
    )
    return client.get(f"{PAGE}?sample=lamp{edit}{query}").text


ITEM = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 20},
        "price": {"type": "number", "minimum": 0, "maximum": 100},
        "when": MOMENT | NONE,
    },
    "required": ["title", "price"],
}


SCHEMAS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "maxLength": 12, "description": "who ordered"},
    "link": {"type": "string", "maxLength": 200, "description": "an absolute address"},
    "items": {"type": "array", "items": ITEM, "minItems": 1, "maxItems": 3},
    "pairs": {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2, "default": 2},
    "note": {"type": "string", "maxLength": 500} | NONE,
    "express": {"type": "boolean", "default": False},
    "colour": {"enum": ["green", "red"], "default": "green"},
    "tone": {"enum": ["formal", "friendly"]} | NONE,
    "sent_at": MOMENT,
    "arrives": {"type": "string", "format": "date"},
    "opens": {"type": "string", "format": "time"},
    "life": {"type": "string", "format": "duration"},
    "extra": {"default": {}},
}


def test_each_type_has_its_schema_with_its_constraints_in_their_order_and_unknown_values_last(
    client: Client,
) -> None:
    schemas = form_of(page_of(client, {"who": 1}))["schema"]["properties"]
    assert {name: schemas[name] for name in SCHEMAS} == SCHEMAS
    assert [*schemas][:4] == ["name", "link", "items", "pairs"]
    assert [*schemas][-1] == "who"


def test_no_value_ends_the_attribute_that_holds_it(client: Client) -> None:
    page = page_of(client, {"note": '"><script>alert(1)</script>'})
    assert form_of(page)["values"]["note"] == '"><script>alert(1)</script>'
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("edit", "place", "says"),
    [
        ({"name": "Wilhelmina Charlotte"}, "/name", "Characters: at most 12."),
        ({"link": "orders/42"}, "/link", "This must match ^https?://"),
        ({"items": [{"title": "", "price": 1}]}, "/items/0/title", "Characters: at least 1."),
        ({"items": [{"title": "Lamp", "price": 101}]}, "/items/0/price", "Enter 100 or less."),
        ({"items": [{"title": "Lamp", "price": -0.5}]}, "/items/0/price", "Enter 0 or more."),
        ({"items": [{"title": "Lamp", "price": "cheap"}]}, "/items/0/price", "Enter a number."),
        ({"pairs": 3}, "/pairs", "Enter a multiple of 2."),
        ({"sent_at": ""}, "/sent_at", "Enter a date and time, such as 2026-11-20T14:32:00Z."),
        ({"arrives": ""}, "/arrives", "Enter a date, such as 2026-11-20."),
        ({"opens": "late"}, "/opens", "Enter a time, such as 14:32:00."),
        ({"life": "soon"}, "/life", "Enter a duration, such as PT30M."),
        ({"colour": "blue"}, "/colour", "Invalid enum value 'blue'."),
        ({"extra": {"a": "b"}}, "/extra", "Enter a number."),
        ({"extra": "{"}, "/extra", "Enter valid JSON."),
        ({"nmae": "Ada"}, "/nmae", "Order has no field with this name."),
    ],
)
@pytest.mark.long
def test_what_does_not_fit_is_told_at_its_place(
    client: Client, edit: dict[str, Any], place: str, says: str
) -> None:
    page = page_of(client, {"name": "Good"} | edit)
    assert form_of(page)["faults"] == {place: says}
    assert form_of(page)["values"].items() >= edit.items()
    assert "One value is not valid." in page
    rendered = client.get(
        f"/studio/frames/order?sample=lamp&edit={quote(json.dumps({'name': 'Good'} | edit))}"
    ).text
    assert f"Order for {'Ada' if 'name' in edit else 'Good'}" in rendered


def test_another_sample_starts_anew_and_another_look_does_not(client: Client) -> None:
    page = page_of(client, {"name": "Grace"})
    assert 'href="/studio/templates/order?sample=biscuits"' in page
    assert re.search(r'id="dark" href="\?sample=lamp&amp;edit=[^"]+&amp;scheme=dark"', page)


@pytest.mark.parametrize(
    "text", ['{"name": Ada}', '{"name": "Ada"', " ", "[1]", '{"pairs": NaN}', "[" * 9_000]
)
@pytest.mark.long
def test_an_edit_that_is_no_json_object_is_told_and_leaves_the_sample(
    client: Client, text: str
) -> None:
    query = {"sample": "lamp", "edit": text}
    page = client.get(PAGE, params=query).text
    assert form_of(page)["faults"] == {"": "The edit in this address is no JSON object."}
    assert form_of(page)["values"]["name"] == "Ada"
    assert "Order for Ada" in client.get("/studio/frames/order", params=query).text


def test_what_is_left_out_is_gone_from_the_mail_and_required_where_it_has_no_default(
    client: Client,
) -> None:
    edit = {"edit": '{"":["stories"]}'}
    assert (
        "stories" not in form_of(client.get("/studio/templates/digest", params=edit).text)["values"]
    )
    assert "New doors" not in client.get("/studio/frames/digest", params=edit).text
    page = client.get(PAGE, params={"edit": '{"":["note","name"]}'}).text
    assert form_of(page)["faults"] == {"/name": "This is required."}


def test_samples_that_cannot_be_read_are_told_and_an_edit_waits_for_them(
    client: Client, folder: Path
) -> None:
    (folder / "order" / "samples.toml").write_text(ORDERS + "[lamp\n")
    page = page_of(client, {"name": "Grace"})
    assert "The samples cannot be read." in page
    assert "edit=%7B%22name%22" in unescape(page)


@pytest.mark.long
def test_a_typed_template_without_samples_is_rendered_with_values_that_fit(
    client: Client, folder: Path
) -> None:
    (folder / "order" / "samples.toml").rename(folder / "order" / "kept.txt")
    form = form_of(client.get(PAGE).text)
    assert form["values"]["name"]
    assert form["faults"] == {}
    assert client.get("/studio/frames/order").status_code == 200
    assert client.get(f"{PAGE}?sample=guessed").status_code == 200


# What was edited, saved as a sample


def save(
    client: Client, address: str, sample: str, /, *, replaces: bool = False, **values: str
) -> Any:
    """Save the values of a form as a sample, as the page's script does."""
    sent = {"name": sample, "edit": json.dumps(values), "replaces": replaces}
    return client.post(f"/studio/templates/{address}", json=sent, headers=OURS)


def test_it_is_written_beside_the_others_and_the_page_goes_to_it(
    client: Client, folder: Path
) -> None:
    answer = save(client, "order?sample=lamp&width=375", "two_days", name="Grace", life="P2D")
    assert answer.json() == {"address": "/studio/templates/order?sample=two_days&width=375"}
    written = (folder / "order" / "samples.toml").read_text()
    assert written.startswith(ORDERS)
    assert '[two_days]\nname = "Grace"' in written
    assert 'life = "P2D"' in written
    assert "Order for Grace" in client.get("/studio/frames/order?sample=two_days").text
    assert 'value="two_days"' in client.get(answer.json()["address"]).text


def test_a_sample_of_the_same_name_is_replaced_only_when_that_is_wanted(
    client: Client, folder: Path
) -> None:
    asked = save(client, "order?sample=lamp", "lamp", name="Grace")
    assert asked.status_code == 409
    assert (asked.json()["detail"], asked.json()["replaceable"]) == (
        "A sample named lamp already exists.",
        True,
    )
    assert (folder / "order" / "samples.toml").read_text() == ORDERS
    done = save(client, "order?sample=lamp", "lamp", replaces=True, name="Grace")
    assert done.json() == {"address": "/studio/templates/order?sample=lamp"}
    written = (folder / "order" / "samples.toml").read_text()
    assert 'name = "Grace"' in written
    assert written.endswith(ORDERS[ORDERS.index("# What comes after.") :])


@pytest.mark.parametrize(
    "name", ["", "two words", "../../etc/passwd", "a" * 61, "hostile: HTML", "[x]", "-"]
)
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


def test_a_template_without_samples_is_given_a_file_of_its_own(
    client: Client, folder: Path
) -> None:
    (folder / "digest.samples.toml").unlink()
    assert save(client, "digest", "first", title="Guessed and corrected").status_code == 200
    assert 'title = "Guessed and corrected"' in (folder / "digest.samples.toml").read_text()


def test_the_form_says_where_it_is_saved_or_that_it_cannot_be(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "In <code>order/samples.toml</code>" in client.get("/studio/templates/order").text
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root every folder can be written to
    page = client.get("/studio/templates/order").text
    assert "Keyturn cannot write to this folder." in page
    assert 'name="as"' not in page
