"""The public names of `keyturn`, and the cost of its import."""

import subprocess
import sys

import pytest

import keyturn

pytestmark = pytest.mark.long


def test_every_public_name_is_there_and_they_are_sorted() -> None:
    assert keyturn.__all__ == sorted(keyturn.__all__)
    assert {name: getattr(keyturn, name).__name__ for name in keyturn.__all__} == {
        name: name for name in keyturn.__all__
    }


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'keyturn' has no attribute 'Keyturn'"):
        _ = keyturn.Keyturn


def test_the_import_alone_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import keyturn; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in loaded.split()} - sys.stdlib_module_names == {"keyturn"}
