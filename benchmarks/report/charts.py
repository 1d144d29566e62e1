"""Plots as SVG for light and dark pages: the reader's colour scheme selects the colours. Pure functions."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

_WIDTH, _LEFT, _RIGHT = 760, 190, 70
_BAR, _GAP, _HEAD = 16, 14, 44
_LEGEND = 210

# Okabe and Ito's colours, which colour-blind readers can distinguish (Color Universal Design, 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.faint { fill: #57606a }
line, path.axis { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 }
  line, path.axis { stroke: #3d444d }
}
"""


def bars(title: str, groups: Mapping[str, Mapping[str, float]], tell: Callable[[float], str] = "{:.0%}".format) -> str:
    """Return a plot with a bar and its value for each name of each group. A name keeps its colour in all groups."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    colours = dict(zip(names, _COLOURS * len(names), strict=False))
    longest = max((value for group in groups.values() for value in group.values()), default=0) or 1
    drawn, top = list[str](), _HEAD
    for heading, group in groups.items():
        drawn.append(f'<text class="faint" x="12" y="{top + 12}">{escape(heading)}</text>')
        top += 20
        for name, value in group.items():
            width = (_WIDTH - _LEFT - _RIGHT) * value / longest
            drawn.append(
                f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{escape(name)}</text>'
                f'<rect x="{_LEFT}" y="{top}" width="{max(width, 1):.1f}" height="{_BAR - 2}" rx="2"'
                f' fill="{colours[name]}"/>'
                f'<text x="{_LEFT + width + 6:.1f}" y="{top + 12}">{escape(tell(value))}</text>'
            )
            top += _BAR + 2
        top += _GAP
    return _document(title, top, drawn)


def lines(
    title: str,
    unit: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    height: int = 300,
    axis: tuple[str, float] = ("min", 60),
) -> str:
    """Return a plot with a line for each name. Axes start at 0.

    Points are given in seconds. `axis`: the unit that is shown, and its seconds.
    """
    points = [point for line in series.values() for point in line]
    shown, seconds = axis
    last, stride = _scale((max((x for x, _ in points), default=0) or seconds) / seconds)
    highest, step = _scale(max((y for _, y in points), default=0) or 1)
    left, bottom, width, tall = 64, height - 56, _WIDTH - 64 - 30, height - 56 - _HEAD
    drawn = list[str]()
    for number in range(round(highest / step) + 1):
        y = bottom - tall * number * step / highest
        drawn.append(
            f'<line x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="faint" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>'
        )
    for number in range(round(last / stride) + 1):
        x = left + width * number * stride / last
        drawn.append(
            f'<text class="faint" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{number * stride:g} {shown}</text>'
        )
    for number, (name, line) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{left + width * x / last / seconds:.1f},{bottom - tall * y / highest:.1f}" for x, y in line)
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<rect x="{left + number * _LEGEND}" y="{height - 24}" width="12" height="12" rx="2" fill="{colour}"/>'
            f'<text x="{left + number * _LEGEND + 18}" y="{height - 14}">{escape(name)}</text>'
        )
    return _document(f"{title}, {unit}", height, drawn)


def _scale(highest: float) -> tuple[float, float]:
    """Return the end of an axis and its step, which is 1, 2 or 5 times a power of ten. It has at most six steps."""
    power = 10.0 ** floor(log10(highest / 5))
    step = next(power * factor for factor in (1, 2, 5, 10) if highest / (power * factor) <= 6)
    return ceil(highest / step) * step, step


def _document(title: str, height: int, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        f' role="img" aria-label="{escape(title)}"><style>{_STYLE}</style>'
        f'<text class="title" x="12" y="24">{escape(title)}</text>{"".join(drawn)}</svg>\n'
    )
