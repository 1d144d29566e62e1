"""The simulated week after a breach, the sizes that follow from measured figures, and the page that shows both."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from benchmarks.breach.sizes import Figures, sizes
from benchmarks.breach.week import Breach, Costs, Distribution, hash_passwords, send_mails, simulate
from benchmarks.report.charts import lines
from benchmarks.scale import main
from click.testing import CliRunner

CHECKOUT = Path(__file__).parents[1]
COSTS = Costs(pace=1, restart=5, hash=0.25, ask=0.001, mail=0.001, waiting=500, sent=1500, reset=1000)
BREACH = Breach(
    accounts=100,
    asked=1,
    rate=2,
    answer=0.1,
    requests=0,
    follow=0,
    delay=60,
    sign_ins=0,
    cores=1,
    between=1000,
    quiet=60,
)


def breach(**changed: float) -> Breach:
    return msgspec.structs.replace(BREACH, **changed)


def test_a_mail_leaves_in_the_next_place_of_the_rate() -> None:
    mails = send_mails(breach(asked=1000), COSTS)

    assert list(mails.leave[:3]) == [0, 0.5, 1]
    assert mails.leave[-1] == 49.5


def test_accounts_that_are_asked_slower_than_the_rate_do_not_wait() -> None:
    mails = send_mails(BREACH, COSTS)

    assert max(mails.waited) == 0
    assert mails.leave[-1] == 99


def test_the_command_asks_at_most_two_hundred_accounts_at_once() -> None:
    mails = send_mails(breach(accounts=300, asked=250, rate=1e9, places=10**9), COSTS)

    assert [round(moment, 3) for moment in (mails.leave[199], mails.leave[200])] == [0, 0.8]


def test_no_mail_leaves_while_the_workers_restart() -> None:
    mails = send_mails(breach(asked=1000, between=20), COSTS)

    assert [moment for moment in mails.leave if 20 <= moment < 25 or 40 <= moment < 45] == []
    assert mails.leave[-1] == pytest.approx(60, abs=1)


def test_restarts_and_other_requests_can_end_before_the_mails() -> None:
    mails = send_mails(breach(asked=1000, between=20, until=30, requests=1), COSTS)

    assert len([moment for moment in mails.leave if 40 <= moment < 45]) > 5
    assert 10 < len(mails.requested) < 60


def test_workers_that_wait_for_slow_answers_send_fewer_than_the_rate() -> None:
    assert send_mails(breach(asked=1000, answer=8, places=4), COSTS).leave[1] == 2


def test_who_requests_a_link_waits_behind_all_accounts_that_were_asked_before() -> None:
    paced = send_mails(breach(accounts=1000, requests=0.2), COSTS)
    at_once = send_mails(breach(accounts=1000, requests=0.2, asked=1e6), COSTS)

    assert max(paced.requested) < 10
    assert min(at_once.requested[:10]) > 300


def test_a_reset_causes_a_confirmation_that_leaves_before_the_asked_accounts() -> None:
    mails = send_mails(breach(asked=1000, follow=1, delay=1), COSTS)

    assert mails.confirmations > 40
    assert mails.leave[-1] == pytest.approx((99 + mails.confirmations) / 2)


def test_a_sign_in_waits_for_the_resets_before_it() -> None:
    alone = hash_passwords(breach(sign_ins=0.5), COSTS, [], 60)
    beside = hash_passwords(breach(sign_ins=0.5), COSTS, [number / 1.2 for number in range(72)], 60)

    assert min(alone.waits) == pytest.approx(0.25)
    assert max(beside.waits) > 2 * max(alone.waits)
    assert max(beside.resets) <= 0.751, "a reset waits at most for the hash that is under way"


def test_two_cores_hash_the_two_passwords_of_a_reset_at_once() -> None:
    done = hash_passwords(breach(cores=2), COSTS, [1.0], 60)

    assert list(done.resets) == [0.25]
    assert (list(done.waits), done.hashes) == ([0.25], 3)


def test_the_same_seed_gives_the_same_week_and_another_one_another() -> None:
    some = breach(requests=0.3, follow=0.5, sign_ins=0.4)

    assert simulate(some, COSTS) == simulate(some, COSTS)
    assert (
        simulate(some, COSTS).requested
        != simulate(breach(requests=0.3, follow=0.5, sign_ins=0.4, seed=2), COSTS).requested
    )


def test_the_database_grows_by_what_waits_and_what_was_sent() -> None:
    first, *_, last = simulate(breach(accounts=10_000, asked=2, rate=1), COSTS).hours

    assert first.asked - first.left > 3000
    assert first.bytes == (first.asked - first.left) * 500 + first.left * 1500
    assert last.bytes == 10_000 * 1500


def test_a_distribution_counts_all_of_which_it_has_some() -> None:
    found = Distribution.of([3.0, 1, 2], count=300)
    assert (found.count, found.median, found.last) == (300, 2, 3)
    assert Distribution.of([]).last == 0


def test_sizes_follow_from_the_figures() -> None:
    figures = Figures(requests=5000, hashes=4, mails=1000, audit=300, sent=1500, reset=1000)
    rows = {row[0].strip(): row[1:] for row in sizes(figures).rows}

    assert rows["requests for a link a second, busiest hour"] == ["0.00", "0.28", "27.8"]
    assert rows["breach: cores that hash its resets"][2] == "24.8"
    assert rows["breach: mails a second to ask all in a week"] == ["0.02", "2.15", "215"]
    assert rows["workers that it takes"] == ["1", "1", "2"]


def test_a_plot_of_a_week_has_days_on_its_axis() -> None:
    plot = lines("a week", "GB", {"a": [(86_400.0 * day, day) for day in range(8)]}, axis=("days", 86_400))

    assert "6 days<" in plot
    assert "min<" not in plot


def test_the_page_shows_the_tables_and_plots_that_the_simulation_wrote() -> None:
    page = (CHECKOUT / "docs" / "scaling.md").read_text("utf-8")
    names = re.findall(r"<!-- measured: ([a-z-]+) -->", page)
    assert sorted(names) == sorted(
        ["scale-costs", "scale-database", "scale-mails", "scale-sign-ins", "scale-sizes", "scale-slice", "scale-week"]
    )
    for name in names:
        table, plot = (CHECKOUT / "benchmarks" / "results" / f"{name}.{kind}" for kind in ("md", "svg"))
        assert table.exists() != plot.exists()
        if table.exists():
            assert table.read_text("utf-8") in page
        else:
            shown = CHECKOUT / "docs" / "images" / plot.name
            assert shown.read_text("utf-8") == plot.read_text("utf-8")
            assert f"(images/{plot.name})" in page
            ET.fromstring(plot.read_text("utf-8"))  # noqa: S314 - our own
            assert "prefers-color-scheme: dark" in plot.read_text("utf-8")


@pytest.mark.long
def test_the_command_prints_the_same_each_time() -> None:
    texts = [CliRunner().invoke(main, ["--quick", *options]).stdout for options in ((), (), ("--json",))]

    assert texts[0] == texts[1]
    assert "a sign-in meanwhile: 99 of 100" in texts[0]
    assert set(json.loads(texts[2])) == {"breach", "measured", "weeks", "slice"}
