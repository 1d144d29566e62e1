"""The mutants that need no test are named by lines of the source, which move."""

import tomllib

from tests.mutants import CHECKOUT, SOURCES, mutants_of


def test_each_explained_mutant_exists() -> None:
    """Each explanation in `mutants.toml` names a line and a change that `just mutants` makes."""
    names: set[str] = set()
    for pattern in SOURCES:
        for file in CHECKOUT.glob(pattern):
            names.update(mutant.name for mutant in mutants_of(file))
    explained = tomllib.loads((CHECKOUT / "tests" / "mutants.toml").read_text("utf-8"))
    assert set(explained) <= names
