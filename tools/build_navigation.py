"""Fill what is written from elsewhere: links from the lessons, scores from the weights' record.

In every notebook: the badge and the lessons before and after, between `<!-- navigation -->` and
`<!-- /navigation -->`, and the setup cell. In the README: the table of lessons, and the scores of
the shipped weights.
`make format` writes them; `--check` names the files that differ and fails.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import nbformat
import pandas as pd

from lstmgan_utils.evaluation import count_wins
from lstmgan_utils.evaluation.comparison import HEADLINES, real_scores
from lstmgan_utils.runtime import atomic_path
from tools.lessons import (
    NAVIGATION,
    ROOT,
    code_cells,
    lesson_paths,
    project_table,
    promise_of,
    read_lesson,
    title_of,
)

LESSONS = re.compile(r"<!-- lessons -->.*?<!-- /lessons -->", re.DOTALL)
SCORES = re.compile(r"<!-- scores -->.*?<!-- /scores -->", re.DOTALL)
WEIGHTS = ROOT / "lstmgan_utils" / "weights" / "folk"
RESULTS = ROOT / "benchmarks" / "results"
BADGE = "../docs/open_in_colab.svg"  # ours: an open lesson asks nothing of another host
SETUP = """\
import importlib.util
import subprocess
import sys

KEEP_ON_DRIVE = False  # @param {{type:"boolean"}} on Colab, keep outputs/ in your Google Drive
COURSE = "lstm-gan[extras] @ git+{repository}@v{version}"
HELP = "The course is out of reach: run this again, or upload its .zip and %pip install ./NAME.zip"
if "google.colab" in sys.modules and not importlib.util.find_spec("lstmgan_utils"):
    pip = subprocess.run([sys.executable, "-m", "pip", "install", "-q", COURSE])
    assert pip.returncode == 0, HELP

from lstmgan_utils import runtime

runtime.prepare_colab(KEEP_ON_DRIVE)
runtime.report()"""


def colab_address(path):
    """Give the address that opens a lesson on Colab, at the tag of this version."""
    project = project_table()
    repository = project["urls"]["Repository"].removeprefix("https://github.com/")
    inside = f"blob/v{project['version']}/notebooks/{path.name}"
    return f"https://colab.research.google.com/github/{repository}/{inside}"


def setup_source():
    """Write the setup cell, the same in every lesson, for this repository and version."""
    project = project_table()
    return SETUP.format(repository=project["urls"]["Repository"], version=project["version"])


def navigation(path, paths, titles):
    """Write a lesson's block of links.

    Args:
        path: Path of the lesson.
        paths: list of Path of all lessons, in order.
        titles: list of str, their titles.

    Returns:
        str of Markdown, markers included.
    """
    place = paths.index(path)
    links = [f'[<img src="{BADGE}" alt="Open in Colab">]({colab_address(path)})']
    if place > 0:
        links.append(f"[← {titles[place - 1]}]({paths[place - 1].name})")
    if place + 1 < len(paths):
        links.append(f"[{titles[place + 1]} →]({paths[place + 1].name})")
    return f"<!-- navigation -->\n{' · '.join(links)}\n<!-- /navigation -->"


def linked_notebook(path, paths, titles):
    """Give a lesson's text with its links and its setup cell filled in.

    Raises:
        ValueError: The first cell has no place for them.
    """
    notebook = read_lesson(path)
    first = notebook.cells[0]
    if not NAVIGATION.search(first.source):
        raise ValueError(f"{path.name}: put a line <!-- navigation --> below the title")
    links = navigation(path, paths, titles)
    first.source = NAVIGATION.sub(lambda _: links, first.source)
    for cell in code_cells(notebook, "setup"):
        cell.source = setup_source()
    return nbformat.writes(notebook) + "\n"


def score_table():
    """Return the scores of the shipped weights as Markdown, from their record and results."""
    record = json.loads((WEIGHTS / "record.json").read_text(encoding="utf-8"))
    before, after = (
        pd.read_csv(RESULTS / f"scores_{phase}.csv", index_col="metric")
        for phase in ("before", "after")
    )
    lines = [
        f"Trained in {record['minutes']:.0f} minutes on two busy cores"
        f" ({record['minutes_warm_up']:.0f} of warm-up, {record['minutes_adversarial']:.0f} against"
        f" the discriminator and for calibration), seed {record['seed']}; measured on"
        f" {record['seeds_judged'][1] + 1:,} pieces of 8 measures.",
        "",
        "| metric | warm-up | with adversary | real | noise | target | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for metric, new in after[after["target"].notna()].iterrows():
        real = new["ceiling"] if pd.isna(new["held_out"]) else new["held_out"]
        values = (before.loc[metric, "generated"], new["generated"], real, new["floor"])
        cells = [metric, *(f"{value:.3f}" for value in values), new["target"], yes(new["met"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *comparison_lines(), "", *long_piece_lines()])


def yes(is_true):
    """Return a truth for a table: a no stands out."""
    return "yes" if is_true else "**no**"


def comparison_lines():
    """Return how the shipped weights stand beside the baselines as lines of Markdown."""
    table = pd.read_csv(RESULTS / "comparison.csv", index_col="metric")
    facts = json.loads((RESULTS / "comparison.json").read_text(encoding="utf-8"))
    names = [name.removesuffix(" low") for name in table if name.endswith(" low")]
    lines = [
        f"Beside baselines that learned from the same tunes; the likelihood LSTM had up to"
        f" {facts['baseline_minutes']:.0f} minutes and kept the weights with the lowest loss on"
        " unseen tunes. `make bench` makes the whole report:",
        "",
        f"| metric | {' | '.join(names)} | real |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    scores = table[names].assign(real=real_scores(table)).loc[list(HEADLINES)]
    for metric, *values in scores.itertuples():
        lines.append(f"| {metric} | {' | '.join(f'{value:.3f}' for value in values)} |")
    counts = [
        f"{baseline} {nearer} nearer, {alike} alike, {farther} farther"
        + (f" ({lost})" if lost != "nowhere" else "")
        for baseline, nearer, alike, farther, lost in count_wins(
            table, names[0], names[1:]
        ).itertuples()
    ]
    return [*lines, "", f"How often {names[0]} is nearer to real music: {'; '.join(counts)}."]


def long_piece_lines():
    """Return what `benchmarks.long_pieces` measured as lines of Markdown."""
    drift, form, blends = (
        pd.read_csv(RESULTS / f"{name}.csv", index_col=0)
        for name in ("long_drift", "long_form", "blends")
    )
    near = blends["shared"]
    return [
        f"Pieces of 200 measures (seeds 0 to 49), their last 48 measures beside their first: of"
        f" {drift['t'].count()} statistics, {(drift['t'].abs() > 2).sum()} differ by more than two"
        " standard errors. How alike measures are that lie so far apart:",
        "",
        "| measures apart | generated | real tunes | their measures shuffled | nearer to real |",
        "|---|---|---|---|---|",
        *(
            f"| {lag} | {generated:.3f} | {real:.3f} | {shuffled:.3f} | {yes(closer)} |"
            for lag, generated, real, shuffled, closer in form.itertuples()
        ),
        "",
        f"Blending two songs: neighbours 1/128 of the way apart share {near['1/128']:.0%} of their"
        f" notes, 1/64 apart {near['1/64']:.0%}, 1/8 apart {near['1/8']:.0%}, the two songs"
        f" themselves {near['1']:.0%}.",
    ]


def linked_readme(readme, paths, titles):
    """Give the README with its table of lessons and its scores filled in."""
    rows = ["| lesson | you will hear |", "|---|---|"]
    for path, title in zip(paths, titles, strict=True):
        link = f"[{path.stem[:2]} · {title}](notebooks/{path.name})"
        rows.append(f"| {link} | {promise_of(read_lesson(path))} |")
    table = "\n".join(["<!-- lessons -->", *rows, "<!-- /lessons -->"])
    text = LESSONS.sub(lambda _: table, readme.read_text(encoding="utf-8"))
    return SCORES.sub(lambda _: f"<!-- scores -->\n{score_table()}\n<!-- /scores -->", text)


def linked_files():
    """Give every file that holds generated links, as it should be.

    Returns:
        dict of Path to str.
    """
    paths, readme = lesson_paths(), ROOT / "README.md"
    titles = [title_of(read_lesson(path)) for path in paths]
    wanted = {path: linked_notebook(path, paths, titles) for path in paths}
    return wanted | {readme: linked_readme(readme, paths, titles)}


def stale_files():
    """List the files whose links are out of date.

    Returns:
        dict of Path to str, the text that each should have.
    """
    wanted = linked_files()
    return {p: text for p, text in wanted.items() if p.read_text(encoding="utf-8") != text}


def main():
    """Fill the links, or check that they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if needed")
    stale = stale_files()
    if parser.parse_args().check:
        if stale:
            names = ", ".join(path.name for path in stale)
            sys.exit(f"links are out of date in {names}; run `make format`")
        return
    for path, text in stale.items():
        with atomic_path(Path(path)) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
