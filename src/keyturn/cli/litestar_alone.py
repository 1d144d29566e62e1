"""Litestar without Advanced Alchemy."""

import sys

_ALCHEMY = "advanced_alchemy"


def load_litestar() -> None:
    """Import Litestar, and let it find no Advanced Alchemy meanwhile; afterwards that is found as ever.

    Litestar looks for it while it is imported (`litestar.pagination`), and all of it comes, with the whole of
    SQLAlchemy's ORM: for a studio without a database 30 MB and a third of a second, for a service 7 MB and a fifth.
    """
    if _ALCHEMY not in sys.modules:
        sys.modules[_ALCHEMY] = None  # type: ignore[assignment]  # as the import system reads it (Python reference, 5.3.1)
        try:
            import litestar.pagination  # noqa: F401, PLC0415
        finally:
            del sys.modules[_ALCHEMY]
