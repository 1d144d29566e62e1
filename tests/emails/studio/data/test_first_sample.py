"""The data of a template's first sample."""

import re
from pathlib import Path

import pytest
from tests.emails.studio.fixtures import Client
from tests.emails.studio.orders import form_of, order_studio

from keyturn.studio.web import Studio

pytestmark = pytest.mark.long


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def test_a_typed_template_without_samples_teaches_with_data_that_fits(client: Client, folder: Path) -> None:
    (folder / "order" / "samples.toml").rename(folder / "order" / "kept.txt")
    page = client.get("/studio/templates/order").text
    assert "order has no sample yet" in page
    assert "# who ordered" in page
    start = re.split("<pre[^>]*><code>", page)[1].split("</code></pre>")[0]
    (folder / "order" / "samples.toml").write_text(start.replace("&#34;", '"').replace("&#39;", "'"))
    assert "name" in form_of(client.get("/studio/templates/order?sample=first").text)["values"]
