"""Writes results into benchmarks/README.md, between the marks of each table."""

import re
from pathlib import Path

_PART = re.compile(r"(<!-- measured: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_results_into(document: Path, results: Path, pictures: str = "results") -> list[str]:
    """Put each table and its plot between their marks. Returns the names that have no result.

    `pictures`: the folder of the plots, as the document's links name it.
    """
    missing = list[str]()

    def fill(found: re.Match[str]) -> str:
        name, parts = found[2], list[str]()
        if (table := results / f"{name}.md").exists():
            parts.append(table.read_text("utf-8"))
        if (results / f"{name}.svg").exists():
            parts.append(f"![{name.replace('-', ' ')}]({pictures}/{name}.svg)\n")
        if not parts:
            missing.append(name)
            return found[0]
        return found[1] + "\n" + "\n".join(parts) + "\n" + found[3]

    document.write_text(_PART.sub(fill, document.read_text("utf-8")), "utf-8")
    return missing
