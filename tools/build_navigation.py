"""Bring lessons, README and docs into the one form that git keeps, generated parts filled in.

A lesson keeps no outputs and no editor's marks; between `<!-- navigation -->` and
`<!-- /navigation -->` stand its badge and its neighbours, and its setup cell is ours. The README
has the table of lessons and one sentence of scores, docs/results.md all scores of the shipped
weights, docs/architecture.md its drawings. `make format` writes them; `--check` names the files
that differ and fails.
"""

import argparse
import json
import sys

import nbformat
import pandas as pd

from lstmgan_utils.evaluation import count_wins
from lstmgan_utils.evaluation.comparison import HEADLINES, real_scores
from tools import draw_architecture
from tools.lessons import (
    NAVIGATION,
    ROOT,
    code_cells,
    fill,
    lesson_paths,
    project_table,
    promise_of,
    read_lesson,
    stripped,
    title_of,
    write_text,
)

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
    """Return the address that opens a lesson on Colab, at the tag of this version."""
    project = project_table()
    repository = project["urls"]["Repository"].removeprefix("https://github.com/")
    inside = f"blob/v{project['version']}/notebooks/{path.name}"
    return f"https://colab.research.google.com/github/{repository}/{inside}"


def setup_source():
    """Return the setup cell, the same in every lesson, for this repository and version."""
    project = project_table()
    return SETUP.format(repository=project["urls"]["Repository"], version=project["version"])


def navigation(path, titles):
    """Return a lesson's block of links, markers included; `titles` maps each Path to its title."""
    paths = list(titles)
    place = paths.index(path)
    links = [f'[<img src="{BADGE}" alt="Open in Colab">]({colab_address(path)})']
    links += [f"[← {titles[before]}]({before.name})" for before in paths[:place][-1:]]
    links += [f"[{titles[after]} →]({after.name})" for after in paths[place + 1 :][:1]]
    return f"<!-- navigation -->\n{' · '.join(links)}\n<!-- /navigation -->"


def kept_lesson(path, titles):
    """Return a lesson's text, stripped, with its links and its setup cell filled in."""
    notebook = stripped(read_lesson(path))
    first = notebook.cells[0]
    if not NAVIGATION.search(first.source):
        raise ValueError(f"{path.name}: put a line <!-- navigation --> below the title")
    first.source = NAVIGATION.sub(lambda _: navigation(path, titles), first.source)
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


def score_sentence():
    """Return in one sentence how good the shipped weights are."""
    record = json.loads((WEIGHTS / "record.json").read_text(encoding="utf-8"))
    scores = pd.read_csv(RESULTS / "scores_after.csv", index_col="metric")
    judged = scores[scores["target"].notna()]
    forest = scores.loc["classifier: random forest", "generated"]
    return (
        f"The shipped weights learned in {record['minutes']:.0f} minutes on two cores. On"
        f" {record['seeds_judged'][1] + 1:,} pieces of 8 measures they meet"
        f" {judged['met'].astype(bool).sum()} of {len(judged)} targets, and a random forest that"
        f" tries to tell their pieces from real tunes is right {forest:.0%} of the time (50 % would"
        " be guessing). [docs/results.md](docs/results.md) has every number, beside real music and"
        " four baselines, noise among them."
    )


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


def lesson_table(titles):
    """Return the lessons and what each promises as a Markdown table."""
    rows = ["| lesson | you will hear |", "|---|---|"]
    for path, title in titles.items():
        link = f"[{path.stem[:2]} · {title}](notebooks/{path.name})"
        rows.append(f"| {link} | {promise_of(read_lesson(path))} |")
    return "\n".join(rows)


def stale_files():
    """Return the files that are not in the kept form: dict of Path to the text it should have."""
    titles = {path: title_of(read_lesson(path)) for path in lesson_paths()}
    wanted = {path: kept_lesson(path, titles) for path in titles}
    readme = ROOT / "README.md"
    text = fill(readme.read_text(encoding="utf-8"), "lessons", lesson_table(titles))
    wanted[readme] = fill(text, "scores", score_sentence())
    results = ROOT / "docs" / "results.md"
    wanted[results] = fill(results.read_text(encoding="utf-8"), "scores", score_table())
    wanted[draw_architecture.PAGE] = draw_architecture.drawn_page()
    return {p: text for p, text in wanted.items() if p.read_text(encoding="utf-8") != text}


def main():
    """Bring the files into the kept form, or check that they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if needed")
    stale = stale_files()
    if not parser.parse_args().check:
        for path, text in stale.items():
            write_text(path, text)
    elif stale:
        names = ", ".join(path.name for path in stale)
        sys.exit(f"not in the kept form: {names}; run `make format`")


if __name__ == "__main__":
    main()
