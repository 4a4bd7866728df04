"""The league: several writers side by side, and who is nearer to real music on which measure."""

import math

from .table import Table, show

NEARER, FARTHER, ALIKE = "nearer", "farther", "alike"
# One measure of each kind: what follows what, variety, the whole, the sharpest judge, form.
HEADLINES = ("overlap: interval, next interval", "coverage", "Fréchet distance",
             "classifier: random forest", "similarity_4")  # fmt: skip


def league_table(cards):
    """Put the scores of several writers side by side.

    Args:
        cards: dict of the writer's name to its Table from `targets.scorecards`.

    Returns:
        Table with measure, held_out, ceiling, floor, and for each writer its score and the ends of
        its interval: "name", "name low", "name high".

    Introduced in lesson 08.
    """
    table = Table()
    for row in next(iter(cards.values())):
        line = {name: row[name] for name in ("measure", "held_out", "ceiling", "floor")}
        for writer, card in cards.items():
            found = card[row["measure"]]
            line |= {writer: found["generated"]}
            line |= {f"{writer} {end}": found[end] for end in ("low", "high")}
        table.append(line)
    return table


def distance_from_real(row, writer):
    """Tell how far a writer is from real music on one row of the league.

    Args:
        row: dict, a row of `league_table`.
        writer: str.

    Returns:
        float, 0 for as good as real music; NaN where it cannot be told.

    Introduced in lesson 08.
    """
    name, value = row["measure"], row[writer]
    if name.startswith("shared run"):
        return max(value - row["held_out"], 0)  # borrowing less than real tunes do is no fault
    if not math.isnan(row["held_out"]):
        return abs(value - row["held_out"])
    if name.startswith("classifier"):
        return abs(value - 0.5)
    if name in ("Fréchet distance", "divergence of distances"):
        return max(value - row["ceiling"], 0)
    return max(row["ceiling"] - value, 0)  # over the ceiling is no fault


def outcome(row, ours, rival):
    """Say who is nearer to real music on one row of the league.

    Args:
        row: dict, a row of `league_table`.
        ours, rival: str, names of writers.

    Returns:
        str: "nearer" where ours is, "farther" where the rival is, "alike" where they are as far or
        their 95 % intervals meet; "" where it cannot be told.

    Introduced in lesson 08.
    """
    distances = [distance_from_real(row, name) for name in (ours, rival)]
    if any(map(math.isnan, distances)):
        return ""
    low = max(row[f"{name} low"] for name in (ours, rival))
    high = min(row[f"{name} high"] for name in (ours, rival))
    if distances[0] == distances[1] or low <= high:  # no interval is NaN: that meets nothing
        return ALIKE
    return NEARER if distances[0] < distances[1] else FARTHER


def standings(league, ours, rivals):
    """Count on how many measures each rival is beaten, and name those on which it beats us.

    Args:
        league: Table from `league_table`.
        ours: str, name of a writer.
        rivals: list of str, names of others.

    Returns:
        Table with rival; nearer, alike and farther (ours, counted in measures); the rival wins
        (their names).

    Introduced in lesson 08.
    """
    table = Table()
    for rival in rivals:
        found = {row["measure"]: outcome(row, ours, rival) for row in league}
        counts = {word: list(found.values()).count(word) for word in (NEARER, ALIKE, FARTHER)}
        lost = ", ".join(name for name, word in found.items() if word == FARTHER)
        table.append({"rival": rival, **counts, "the rival wins": lost or "nowhere"})
    return table


def top(row):
    """Take from a row of the league what real music scores: float."""
    return row["ceiling"] if math.isnan(row["held_out"]) else row["held_out"]


def from_floor_to_top(row, value):
    """Place a value between noise (0) and real music (1): float, NaN where both score the same."""
    span = top(row) - row["floor"]
    return (value - row["floor"]) / span if span else math.nan


def tells_apart(row):
    """Tell whether a row of the league tells noise from real music, and more is no worse: bool."""
    is_run = row["measure"].startswith("shared run")  # fewer shared notes than real tunes are fine
    return not is_run and abs(top(row) - row["floor"]) > 0.05


def shown(league, writers):
    """Shorten a league for reading: one cell a writer, its interval in brackets: Table."""
    return Table(
        {name: row[name] for name in ("measure", "held_out", "ceiling", "floor")}
        | {name: with_interval(row, name) for name in writers}
        for row in league
    )


def with_interval(row, writer):
    """Write a score and its interval: str such as "0.925 [0.901, 0.950]"."""
    value, low, high = (row[name] for name in (writer, f"{writer} low", f"{writer} high"))
    ends = f"[{show(low)},\u00a0{show(high)}]"  # a space at which no line is broken
    return show(value) if math.isnan(low) else f"{show(value)} {ends}"
