"""An empty folder, and the command line that fills it."""

from tests.cli.conftest import cache_folder, keyturn, migrated, with_ada, workplace

__all__ = ["cache_folder", "keyturn", "migrated", "with_ada", "workplace"]
