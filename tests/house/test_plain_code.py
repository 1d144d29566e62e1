"""What ruff cannot see of plain code, held by ceilings in `[tool.keyturn]` of pyproject.toml."""

from collections.abc import Mapping

import pytest
from tests.house.plain_code import Figures, ceilings, products

MANY_DECISIONS = {
    "src/keyturn/cli/studio/check.py:check": "a guard for each option, then the steps in order",
    "src/keyturn/cli/studio/folders.py:open_folder": "a guard for each way to name the emails",
    "src/keyturn/cli/studio/studio.py:greeting": "a row for each address, and a note for each risk",
    "src/keyturn/mail/addresses.py:parse_sender": "a guard for each way to misread a sender",
    "src/keyturn/mail/languages/catalogues.py:_faults_of_message": "a guard for each fault",
    "src/keyturn/mail/providers/ses/__init__.py:judge": "a guard for each answer of SES",
    "src/keyturn/mail/rendering/html_tree.py:_add_attribute": "a guard for each fault of a value",
    "src/keyturn/mail/rendering/html_tree.py:_start_tag": "the steps of HTML's standard in order",
    "src/keyturn/service/database/unready.py:describe_error": "an answer for each kind of error",
    "src/keyturn/service/doctor/domain.py:judge_spf": "an answer for each state of the records",
    "src/keyturn/service/onboarding/guesses.py:_value_to_set": "a guard for each kind of column",
    "src/keyturn/service/outbox/worker.py:_end": "a case for each result of a try",
    "src/keyturn/service/pages/reset.py:save": "whose form it is, then a case for each refusal",
    "src/keyturn/service/reset/proofs/altcha.py:verify": "a guard for each fault, the cheap first",
    "src/keyturn/service/settings/database_tls.py:take_tls": "libpq's rules on one mode, in order",
    "src/keyturn/service/settings/database_urls.py:_parameters": "a case for each parameter",
    "src/keyturn/service/settings/path_rules.py:hosting_faults": "a case for each fault of a page",
    "src/keyturn/service/settings/rules.py:_factors": "a guard for each fault of a section",
    "src/keyturn/service/settings/url_rules.py:_pattern": "a guard for each fault of an address",
    "src/keyturn/studio/engines/django/variables.py:_tag": "a case for each kind of tag",
    "src/keyturn/studio/gallery/configuration.py:_broken_rules": "one rule after another",
    "src/keyturn/studio/gallery/configuration.py:_why_not": "a case for each kind of setting",
    "src/keyturn/studio/gallery/variables/guessed_values.py:_plain_value": "the best hint first",
    "src/keyturn/studio/gallery/variables/recorded_rendering.py:_filtered": "a guard for each kind",
    "src/keyturn/studio/gallery/variables/slots.py:_kind_in_address": "from left to right",
    "src/keyturn/studio/gallery/variables/slots.py:_slot_in_attribute": "a guard for each name",
    "src/keyturn/studio/gallery/variables/slots.py:fit": "a case for each kind of place",
    "src/keyturn/studio/inbox/codes.py:announced": "each way in which lines announce a number",
    "src/keyturn/studio/lint/checks/links.py:_judge_address": "a guard for each fault",
    "src/keyturn/studio/lint/clients/word.py:of_declaration": "a guard for each kind of property",
    "src/keyturn/studio/lint/css/selectors.py:_is_in_state": "a case for each pseudo-class",
    "src/keyturn/studio/lint/css/selectors.py:holds": "a case for each operator",
    "src/keyturn/studio/lint/source/broken_templates.py:_explain_cause": "a case for each error",
    "src/keyturn/studio/web/frames/client_models.py:_declarations_for_word": (
        "a case for each kind of declaration"
    ),
    "src/keyturn/values.py:_words": "a case for each type",
    "src/keyturn/values.py:explain_mismatch": "a guard for each message of msgspec",
}
"""Functions with more than ten decisions that read from top to bottom, each with what its rows are.
They do not count against the ceiling of their product.
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
        counts[product] = sum(name not in MANY_DECISIONS for name in of.branching)
    assert _over(counts, ceilings()["style"]["functions-over-ten-decisions"]) == {}


def test_listed_functions_still_have_many_decisions(figures: Mapping[str, Figures]) -> None:
    """Each exception names a function that has more than ten decisions."""
    found: set[str] = set()
    for of in figures.values():
        found.update(of.branching)
    assert set(MANY_DECISIONS) <= found


def _over(counts: Mapping[str, int], most: Mapping[str, int]) -> Mapping[str, str]:
    """Return the products whose count exceeds the ceiling, with both numbers."""
    return {
        product: f"{count:,} instead of {most[product]:,}"
        for product, count in counts.items()
        if count > most[product]
    }
