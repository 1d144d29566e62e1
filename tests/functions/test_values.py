"""What people are told of values that do not fit."""

from keyturn.values import explain_mismatch


def test_pattern() -> None:
    """A value of another form is reported without the regular expression."""
    message = "Expected `str` matching regex '^#[0-9a-f]{6}$' - at `$.brand.accent`"
    assert explain_mismatch(message) == ("brand.accent", "does not have the expected form")
