import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A median of several runs. `budget` is what it should not exceed; at least that, where `at_least`."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False

    def verdict(self) -> str:
        if self.budget is None:
            return ""
        held = self.value >= self.budget if self.at_least else self.value <= self.budget
        return f"{'holds' if held else 'EXCEEDS'} {'>=' if self.at_least else '<='} {self.budget:g}"
