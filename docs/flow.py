"""Renders docs/images/flow.svg from docs/images/flow.txt: `python docs/flow.py`."""

from html import escape
from pathlib import Path

SOURCE = Path(__file__).parent / "images" / "flow.txt"
DRAWN = SOURCE.with_suffix(".svg")

_COLUMN, _ROW, _TOP = 128, 34, 56
_LABEL = "Who calls what, from the request for a link to the confirmation of the new password"
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 }
.name { font-weight: 600; text-anchor: middle }
.heading { font-weight: 600; fill: #0b5cad }
.label { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round }
rect { fill: #ffffff }
line { stroke: #9aa5b1 }
.step { stroke: #1f2933; stroke-width: 1.5 }
path { fill: #1f2933 }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb }
  .heading { fill: #7cc4fa }
  .label { stroke: #16191d }
  rect { fill: #16191d }
  line { stroke: #616e7c }
  .step { stroke: #e4e7eb }
  path { fill: #e4e7eb }
}
"""


def draw(source: str) -> str:
    """Return the diagram as SVG.

    Raises ValueError for a step between columns that the first line does not name.
    """
    first, *rows = [line for line in source.splitlines() if line and not line.startswith("#")]
    names = first.removeprefix("columns: ").split(", ")
    middle = {name: 70 + _COLUMN * place for place, name in enumerate(names)}
    width, height = middle[names[-1]] + 90, _TOP + _ROW * len(rows) + 20
    drawn = [
        f'<text class="name" x="{x}" y="24">{escape(name)}</text>' for name, x in middle.items()
    ]
    drawn += [f'<line x1="{x}" y1="36" x2="{x}" y2="{height - 12}"/>' for x in middle.values()]
    for place, row in enumerate(rows):
        y = _TOP + _ROW * place + 18
        drawn += [_heading(row[2:], y)] if row.startswith("= ") else _step(row, middle, y)
    return "\n".join(
        (
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'role="img" aria-label="{_LABEL}">'
            ),
            f'<style>{_STYLE}</style><rect width="{width}" height="{height}"/>',
            *drawn,
            "</svg>\n",
        )
    )


def _heading(text: str, y: int) -> str:
    return f'<text class="heading label" x="14" y="{y}">{escape(text)}</text>'


def _step(row: str, middle: dict[str, int], y: int) -> list[str]:
    ends, _, text = row.partition(": ")
    start, end = ends.split(" > ")
    if not {start, end} <= middle.keys():
        raise ValueError(f"no columns for the step {row!r}")
    x, to = middle[start], middle[end]
    back = 8 if to > x else -8
    return [
        f'<line class="step" x1="{x}" y1="{y}" x2="{to - back}" y2="{y}"/>',
        f'<path d="M{to} {y}l{-back} -4v8z"/>',
        f'<text class="label" x="{min(x, to) + 10}" y="{y - 8}">{escape(text)}</text>',
    ]


if __name__ == "__main__":
    DRAWN.write_text(draw(SOURCE.read_text("utf-8")), "utf-8")
