"""The data as JSON: all of it, by the same edit as the form."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from tests.emails.studio.fixtures import Client
from tests.emails.studio.orders import form_of, order_studio

from keyturn.studio.web import Studio


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def text_of(page: str) -> str:
    found = re.search(r'<textarea id="json"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert found
    return unescape(found[1])


def test_it_is_all_of_the_values(client: Client) -> None:
    values = json.loads(text_of(client.get("/studio/templates/order?sample=lamp&data=json").text))
    assert values["life"] == "PT30M"
    assert values["items"] == [{"title": "Lamp", "price": 42.5, "when": None}]


def test_what_is_left_out_of_plain_values_is_gone_from_the_mail(client: Client) -> None:
    edit = {"edit": '{"":["stories"]}'}
    page = client.get("/studio/templates/digest?data=json", params=edit | {"data": "json"}).text
    assert "stories" not in json.loads(text_of(page))
    assert "New doors" not in client.get("/studio/frames/digest", params=edit).text


def test_what_has_a_default_may_be_left_out_and_what_has_none_may_not(client: Client) -> None:
    page = client.get("/studio/templates/order", params={"data": "json", "edit": '{"":["note","name"]}'}).text
    assert re.findall(r"<code>(\w+)</code> This is required\.", page) == ["name"]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('{\n  "name": Ada\n}', "2:11", "Expecting value."),
        ('{"name": "Ada"', "1:15", "Expecting ',' delimiter."),
        (" ", "1:2", "Expecting value."),
        ("[1]", "1:1", "Enter an object in braces, with names and values."),
        ('{"pairs": NaN}', "1:1", "NaN is not valid JSON."),
    ],
)
@pytest.mark.long
def test_what_is_no_json_is_told_by_line_and_column_and_stays_as_it_is(
    client: Client, text: str, place: str, says: str
) -> None:
    page = client.get("/studio/templates/order", params={"sample": "lamp", "data": "json", "edit": text}).text
    assert "This is not a JSON object." in page
    assert f">{place}</a>" in page
    assert says in unescape(page)
    assert text_of(page) == text
    assert "Order for Ada" in client.get("/studio/frames/order", params={"sample": "lamp", "edit": text}).text


def test_a_value_that_does_not_fit_is_told_by_its_line(client: Client) -> None:
    edit = json.dumps({"items": [{"title": "Lamp", "price": 1}, {"title": "Shade", "price": 1000}], "life": "soon"})
    page = client.get("/studio/templates/order", params={"sample": "lamp", "data": "json", "edit": edit}).text
    lines = text_of(page).split("\n")
    told = re.findall(r'data-line="(\d+)".*?<code>([\w.]+)</code>', page)
    assert [(lines[int(line) - 1].split('"')[1], place) for line, place in told] == [
        ("price", "items.1.price"),
        ("life", "life"),
    ]


def test_the_form_says_that_an_edit_is_no_json_and_starts_from_the_sample(client: Client) -> None:
    page = client.get("/studio/templates/order?sample=lamp&edit=%7B").text
    assert "This is not a JSON object." in page
    assert form_of(page)["values"]["name"] == "Ada"
