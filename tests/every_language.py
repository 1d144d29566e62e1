"""The languages of tests: those that differ most in each run, all others in `just stories`."""

import os
from collections.abc import Mapping
from typing import Any

import pytest

from keyturn.languages import Languages

TELLING = ("ar", "de", "el", "fi", "ja", "ru")
"""The languages that differ most: right to left, long words, other letters, and no spaces between words."""

LOOKED_AT = sorted(Languages("UTC").known) if os.environ.get("EVERY_LANGUAGE") else TELLING
"""The languages of the tests in a browser: all of them under `just languages`."""


def each_language(argument: str, values: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Return a mark that runs a test once for each value, by its language. `TELLING` and English are not long.

    argument: the name of the test's parameter.
    """
    soon = {*TELLING, "en"}
    params = [
        pytest.param(value, id=tag, marks=[] if tag in soon else pytest.mark.long)
        for tag, value in sorted(values.items())
    ]
    return pytest.mark.parametrize(argument, params)
