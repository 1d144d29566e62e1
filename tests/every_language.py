"""The languages of tests: those that differ most in each run, all others in `just nightly`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from keyturn.mail.languages.language import Languages

TELLING = ("ar", "de", "el", "fi", "ja", "ru")
"""The languages that differ most: right to left, long words, other letters, and no spaces between
words.
"""

SHAPES = ("ar", "de", "ja")
"""One for each shape of a text on a page: from right to left, long words, and no spaces between
words.
"""

TAGS = {tag: tag for tag in sorted(Languages("UTC").known)}


def each_language(
    argument: str,
    values: Mapping[str, Any],
    others: pytest.MarkDecorator = pytest.mark.nightly,
    telling: Sequence[str] = TELLING,
) -> pytest.MarkDecorator:
    """Return a mark that runs a test once for each value, by its language.

    argument: the name of the test's parameter.
    others: the mark of languages other than those that are `telling` and English.
    """
    soon = {*telling, "en"}
    params = [
        pytest.param(value, id=tag, marks=[] if tag in soon else others)
        for tag, value in sorted(values.items())
    ]
    return pytest.mark.parametrize(argument, params)
