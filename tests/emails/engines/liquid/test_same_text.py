"""What Keyturn draws of Liquid is what python-liquid draws by itself, to the byte; and all of it can be read."""

from pathlib import Path

import pytest
from liquid import DictLoader, Environment
from tests.emails.engines.liquid.folders import Written

from keyturn.emails.gallery.samples import Sample

VALUES = {
    "a": {"b": [1, 2, {"c": "x"}], "k": "b"},
    "rows": [{"c": "x"}, {"c": "y"}],
    "n": 2,
    "s": "Ada",
    "t": True,
    "e": [],
    "p": 19.5,
    "html": "<b>&</b>",
    "none": None,
}
PARTIAL = "({{ v }}{{ nm }})"
SOURCES = (Path(__file__).parent / "constructs.txt").read_text("utf-8").removesuffix("\n").split("\n====\n")


@pytest.mark.parametrize("source", SOURCES)
def test_a_text_is_that_of_python_liquid_to_the_byte(written: Written, source: str) -> None:
    gallery = written(f"<p>{source}", {"snippets/p.liquid": PARTIAL})
    alone = Environment(loader=DictLoader({"p": PARTIAL})).from_string(f"<p>{source}")
    drawn = gallery.renderers()(Sample("one", VALUES)).fill("mail", VALUES, gallery.languages.choose("en")).markup
    assert str(drawn) == alone.render(**VALUES)
    report = gallery.branches("mail")
    assert report is not None
    assert not report.is_cut_short


def test_each_text_is_read_for_what_it_is_given(written: Written) -> None:
    gallery = written("<p>" + "".join(SOURCES), {"snippets/p.liquid": PARTIAL})
    assert {"a", "n", "s", "t", "e", "p", "html", "none", "missing", "rows"} <= {*gallery.variables("mail")}
    assert not {"forloop", "tablerowloop", "x", "i", "c", "q", "r"} & {*gallery.variables("mail")}
