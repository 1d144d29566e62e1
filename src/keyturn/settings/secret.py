class Secret(str):
    """A string that does not show itself in a repr, a log or a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"
