"""A small table of results: rows are dicts, shown as text, HTML or CSV."""

import csv
import html
import math

from ..runtime import atomic_path


class Table(list):
    """List of rows, each a dict with the same keys, the first of which names the row.

    `table["coverage"]` is the row of that name, `table.column("generated")` a list of values.

    Introduced in lesson 08.
    """

    def __getitem__(self, key):
        if not isinstance(key, str):
            found = super().__getitem__(key)
            return Table(found) if isinstance(key, slice) else found
        for row in self:
            if next(iter(row.values())) == key:
                return row
        names = ", ".join(str(next(iter(row.values()))) for row in self)
        raise KeyError(f"no row {key!r} in the table; it has {names}")

    def column(self, name):
        """Return the values of one column, from top to bottom."""
        return [row[name] for row in self]

    def cells(self):
        """Return header and rows as lists of text."""
        header = [str(name) for name in self[0]] if self else []
        return [header] + [[show(value) for value in row.values()] for row in self]

    def __str__(self):
        rows = self.cells()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    __repr__ = __str__

    def _repr_html_(self):
        header, *rows = self.cells()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
        cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_csv(self, path):
        """Write the rows, numbers in full; the file appears whole or not at all.

        Args:
            path: str or Path.
        """
        with atomic_path(path) as whole, open(whole, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self[0]))
            writer.writeheader()
            writer.writerows(self)

    @classmethod
    def from_csv(cls, path):
        """Read what `to_csv` wrote; what looks like a number becomes a float: Table."""
        with open(path, newline="", encoding="utf-8") as file:
            return cls({k: read(v) for k, v in row.items()} for row in csv.DictReader(file))


def read(text):
    """Read a cell of a CSV: float where it is a number, else the text."""
    try:
        return float(text)
    except ValueError:
        return text


def show(value):
    """Write a value for reading: three decimals, a dash for NaN, yes or no, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
    return str(value)
