"""The parts of the benchmarks that need no clock: statistics, reports and the soak's accounting."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.budgets.figure import Figure
from benchmarks.comparison.samples import Sample, figure, peer_medians
from benchmarks.load.messages import Request
from benchmarks.load.percentiles import grows, is_flat, percentile
from benchmarks.peers import LINKS
from benchmarks.profiles import label_of
from benchmarks.report import Table
from benchmarks.report.charts import bars, lines
from benchmarks.report.documents import write_results_into
from benchmarks.soak.mixture import kinds, mixture, outcome

EMAILS = {"known": "person{}@example.test", "reset": "reset{}@example.test"}


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.01) == 7
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 0.5)


@pytest.mark.parametrize(
    ("rates", "flat"),
    [
        ([100, 101, 99, 100], True),
        ([1, 1, 100, 101, 99, 100], True),
        ([100, 100, 100], False),
        ([80, 100, 100, 100], False),
        ([96, 97, 102, 104], False),
        ([104, 102, 97, 96], True),
        ([0, 0, 0, 0], False),
    ],
)
def test_a_rate_is_flat_when_it_neither_spreads_nor_rises(rates: list[float], flat: bool) -> None:
    assert is_flat(rates) is flat


def test_memory_grows_by_a_share_and_by_some_megabytes_after_the_first_quarter() -> None:
    assert not grows([10, 90, *[100.0] * 6], share=0.05, least=5)
    assert grows([100, 100, 100, 100, 104, 108, 112, 112], share=0.05, least=5)
    assert not grows([10, 10, 10, 10, 12, 12, 14, 14], share=0.05, least=5)
    assert not grows([1, 2, 3], share=0.05, least=0)


def test_a_figure_has_three_digits_unless_they_would_hide_whether_it_holds() -> None:
    values = (0.98765, 1.0045, 1.000004, 0.9996)
    shown = [Figure(name="start", value=value, unit="s", budget=1).measured() for value in values]
    assert shown == ["0.988 s", "1.004 s", "1.000004 s", "1 s"]
    assert Figure(name="rate", value=0.9996, unit="", budget=1, at_least=True).measured() == "0.9996"


def test_a_share_is_of_the_floor_in_the_same_round() -> None:
    rounds = [(1000, 500), (100, 50), (10, 5)]
    samples = [
        Sample(engine="sqlite", operation="known", connections=16, peer=peer, round=number, rate=rate)
        for number, rates in enumerate(rounds)
        for peer, rate in zip(("hello", "keyturn"), rates, strict=True)
    ]
    hello, keyturn = peer_medians(samples, "hello")
    assert (hello.share, keyturn.share, keyturn.rate) == (1, 0.5, 50)


@pytest.mark.parametrize(("value", "told"), [(12345.6, "12,346"), (55.55, "55.5"), (1.234, "1.23"), (0, "")])
def test_a_figure_has_three_places_that_count(value: float, told: str) -> None:
    assert figure(value) == told


def test_a_soak_owes_a_mail_for_each_known_address_and_each_reset() -> None:
    planned = kinds(1200)
    assert planned.count("known") + planned.count("reset") + planned.count("unknown") < 1200
    assert planned.count("reset") == 10
    assert kinds(120 * (LINKS + 3)).count("reset") == LINKS
    asked = {kind: [Request(path=f"/{kind}")] * planned.count(kind) for kind in ("known", "reset")}
    asked |= {kind: [Request(path=f"/{kind}")] for kind in ("unknown", "validate")}
    assert [request.path for request in mixture(asked, planned)] == [f"/{kind}" for kind in planned]


def test_a_mail_that_is_lost_comes_again_or_was_not_owed_is_a_fault() -> None:
    planned = ["known", "unknown", "known", "reset", "validate", "known"]
    answers = [202, 202, 202, 200, 200, 202]
    whole = [
        *(f"person{number}@example.test password_reset" for number in range(3)),
        "reset0@example.test password_changed",
    ]
    assert outcome(planned, EMAILS, answers, whole).faults() == []
    lost = outcome(planned, EMAILS, answers, whole[1:])
    again = outcome(planned, EMAILS, answers, [*whole, whole[0]])
    unasked = outcome(planned, EMAILS, answers, [*whole, "nobody0@example.test password_reset"])
    refused = outcome(planned, EMAILS, [503, *answers[1:]], whole[1:])
    assert (lost.lost, again.doubled, unasked.unasked, refused.refused) == (1, 1, 1, {503: 1})
    assert all(len(one.faults()) == 1 for one in (lost, again, unasked, refused))


def test_a_sample_belongs_to_the_innermost_package_that_is_named() -> None:
    files = ["keyturn/__main__.py", "asyncio/runners.py", "keyturn/outbox/worker.py", "sqlalchemy/engine/base.py"]
    assert label_of(files) == "SQLAlchemy"
    assert label_of([*files, "json/encoder.py"]) == "SQLAlchemy"
    assert label_of(files[:3]) == "Keyturn"
    assert label_of(["threading.py"]) == "the rest"


def test_plots_can_be_read_on_light_and_on_dark_pages() -> None:
    for plot in (bars("Shares <&>", {"request": {"Keyturn": 0.5, "A & B": 0}}), lines("p99", "ms", {"a": [(5, 0.3)]})):
        ET.fromstring(plot)  # noqa: S314 - our own
        assert "prefers-color-scheme: dark" in plot
    ET.fromstring(lines("nothing", "ms", {}))  # noqa: S314 - our own


def test_results_are_put_between_their_marks_again_and_again(tmp_path: Path) -> None:
    document, text = tmp_path / "README.md", "before\n<!-- measured: a-b -->\nold\n<!-- end -->\nafter {}\n"
    document.write_text(text.format("<!-- measured: none -->\nkept\n<!-- end -->"), "utf-8")
    table = Table(title="A title", headers=["", "a second"], rows=[["hello", "1"]]).markdown()
    (tmp_path / "a-b.md").write_text(table, "utf-8")
    (tmp_path / "a-b.svg").write_text("<svg/>", "utf-8")
    assert [write_results_into(document, tmp_path) for _ in range(2)] == [["none"], ["none"]]
    assert document.read_text("utf-8").count("| hello |") == 1
    assert "](results/a-b.svg)" in document.read_text("utf-8")
    assert re.findall("old|kept|before|after", document.read_text("utf-8")) == ["before", "after", "kept"]
