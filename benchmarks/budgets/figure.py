import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A median of several runs. `budget` is an upper limit, or a lower one if `at_least`."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False

    def measured(self) -> str:
        """Return the value with its unit, in three digits, or in more if three would hide the verdict."""
        texts = (f"{self.value:.{digits}g}" for digits in range(3, 18))  # 17 digits are unique to each float
        text = next(text for text in texts if self._holds(float(text)) == self._holds(self.value))
        return f"{text} {self.unit}".strip()

    def verdict(self) -> str:
        if self.budget is None:
            return ""
        held = self._holds(self.value)
        return f"{'holds' if held else 'EXCEEDS'} {'>=' if self.at_least else '<='} {self.budget:g}"

    def _holds(self, value: float) -> bool:
        if self.budget is None:
            return True
        return value >= self.budget if self.at_least else value <= self.budget
