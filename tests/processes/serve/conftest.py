"""An empty folder, and the command line that fills it."""

from tests.commands.conftest import cache_folder, keyturn, migrated, with_ada, workplace

__all__ = ["cache_folder", "keyturn", "migrated", "with_ada", "workplace"]
