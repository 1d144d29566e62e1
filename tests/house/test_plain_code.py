"""What ruff cannot see of plain code, held by ceilings in `[tool.keyturn]` of pyproject.toml."""

from collections.abc import Mapping

import pytest
from tests.house.plain_code import Figures, ceilings, products

FLAT_ROWS = {
    "src/keyturn/service/database/unready.py:describe_error": "an answer for each kind of error",
    "src/keyturn/service/doctor/domain.py:judge_spf": "an answer for each state of the records",
    "src/keyturn/service/onboarding/plan.py:_questions_about": "a question after each guard",
}
"""Functions with more than ten decisions that read like a list, each with the reason. They do not
count against the ceiling of their product.
"""


@pytest.fixture(scope="module")
def figures() -> Mapping[str, Figures]:
    """Count each product once for all tests."""
    return products()


def test_no_product_weighs_more_than_its_ceiling(figures: Mapping[str, Figures]) -> None:
    """No product has more nodes than its ceiling."""
    nodes = {product: of.nodes for product, of in figures.items()}
    assert _over(nodes, ceilings()["weight"]) == {}


def test_no_product_has_more_comprehensions_with_two_for(figures: Mapping[str, Figures]) -> None:
    """No product has more comprehensions with two `for` than its ceiling."""
    counts = {product: of.with_two_for for product, of in figures.items()}
    assert _over(counts, ceilings()["style"]["comprehensions-with-two-for"]) == {}


def test_no_product_has_more_tuple_assignments(figures: Mapping[str, Figures]) -> None:
    """No product has more assignments such as `a, b = x, y` than its ceiling."""
    counts = {product: of.tuple_assignments for product, of in figures.items()}
    assert _over(counts, ceilings()["style"]["tuple-assignments"]) == {}


def test_no_product_has_more_functions_with_many_decisions(figures: Mapping[str, Figures]) -> None:
    """No product has more functions with over ten decisions than its ceiling."""
    counts = {}
    for product, of in figures.items():
        counts[product] = sum(name not in FLAT_ROWS for name in of.branching)
    assert _over(counts, ceilings()["style"]["functions-over-ten-decisions"]) == {}


def test_flat_rows_still_have_many_decisions(figures: Mapping[str, Figures]) -> None:
    """Each exception names a function that has more than ten decisions."""
    found: set[str] = set()
    for of in figures.values():
        found.update(of.branching)
    assert set(FLAT_ROWS) <= found


def _over(counts: Mapping[str, int], most: Mapping[str, int]) -> Mapping[str, str]:
    """Return the products whose count exceeds the ceiling, with both numbers."""
    return {
        product: f"{count:,} instead of {most[product]:,}"
        for product, count in counts.items()
        if count > most[product]
    }
