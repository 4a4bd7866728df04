"""Bring lessons, README and docs into the one form that git keeps, generated parts filled in.

A lesson keeps no outputs and no editor's marks, and its setup cell is the first lesson's. What
stands between marks such as `<!-- navigation -->` and `<!-- /navigation -->` is made here. `make
format` writes it; `--check` names the files that differ and fails.
"""

import argparse
import json
import re
import sys
import tomllib

import nbformat
import pandas as pd

from lstmgan_utils.evaluation import count_wins
from lstmgan_utils.evaluation.comparison import HEADLINES, real_scores
from tools import draw_architecture, lessons
from tools.lessons import NAVIGATION, ROOT, code_cells, lesson_paths, read_lesson

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY, TAG = PROJECT["urls"]["Repository"], f"v{PROJECT['version']}"
WEIGHTS = ROOT / "lstmgan_utils" / "weights"
RESULTS = ROOT / "benchmarks" / "results"
BADGE = "../docs/open_in_colab.svg"  # ours: an open lesson asks nothing of another host


def colab_address(path):
    """Return the address that opens a lesson on Colab, at the tag of this version."""
    repository = REPOSITORY.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{repository}/blob/{TAG}/notebooks/{path.name}"


def setup_source():
    """Return the first lesson's setup cell, which all share, for this repository and version."""
    (cell,) = code_cells(read_lesson(lesson_paths()[0]), "setup")
    return re.sub(r"git\+https:[^\s\"]+", f"git+{REPOSITORY}@{TAG}", cell.source)


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
    notebook = lessons.stripped(read_lesson(path))
    first = notebook.cells[0]
    first.source = NAVIGATION.sub(lambda _: navigation(path, titles), first.source)
    for cell in code_cells(notebook, "setup"):
        cell.source = setup_source()
    return nbformat.writes(notebook) + "\n"


def lesson_table(titles):
    """Return the lessons and what each promises as a Markdown table."""
    rows = []
    for path, title in titles.items():
        link = f"[{path.stem[:2]} · {title}](notebooks/{path.name})"
        rows.append((link, lessons.promise_of(read_lesson(path))))
    return lessons.markdown_table(["lesson", "you will hear"], rows)


def result(name):
    """Read one of the tables that `make bench` and `make weights` leave."""
    return pd.read_csv(RESULTS / f"{name}.csv", index_col=0)


def score_sentence():
    """Return in a few sentences how good the shipped weights are."""
    sentences = []
    for kind in ("folk", "piano"):
        record = json.loads((WEIGHTS / kind / "record.json").read_text(encoding="utf-8"))
        scores = result(f"{kind}_adversarial")
        met = scores.loc[scores["target"].notna(), "met"].astype(bool)
        forest = scores.loc["classifier: random forest", "generated"]
        sentences.append(
            f"The weights `{kind}` learned from {record['n_songs']:,} songs in"
            f" {sum(record['minutes'].values()):.0f} minutes on a busy machine of two cores. On"
            f" {record['seeds_scored'][1] + 1:,} pieces of 8 measures they meet {met.sum()} of"
            f" {len(met)} targets, and a random forest that tries to tell their pieces from real"
            f" ones is right {forest:.0%} of the time (50 % would be guessing)."
        )
    return "\n\n".join(sentences)


def score_table(kind):
    """Return the judged metrics of shipped weights, before and after the adversary."""
    after = result(f"{kind}_adversarial")
    pretrained = result(f"{kind}_pretraining")["generated"]
    judged = after.assign(pretrained=pretrained, real=real_scores(after))
    judged = judged.rename(columns={"floor": "noise"})[judged["target"].notna()]
    return judged[["pretrained", "generated", "real", "noise", "target", "met"]]


def result_tables():
    """Return the tables of docs/results.md: dict of the place's name to DataFrame."""
    table = result("comparison")
    names = [name.removesuffix(" low") for name in table if name.endswith(" low")]
    return {
        "scores": score_table("folk"),
        "piano": score_table("piano"),
        "comparison": table[names].assign(real=real_scores(table)).loc[list(HEADLINES)],
        "wins": count_wins(table, names[0], names[1:]),
        "drift": result("long_drift"),
        "form": result("long_form"),
        "blends": result("blends"),
    }


def stale_files():
    """Return the files that are not in the kept form: dict of Path to the text it should have."""
    titles = {path: lessons.title_of(read_lesson(path)) for path in lesson_paths()}
    pages = {
        "README.md": {"lessons": lesson_table(titles), "scores": score_sentence()},
        "docs/results.md": {
            name: lessons.markdown_table([frame.index.name, *frame], frame.itertuples())
            for name, frame in result_tables().items()
        },
        "docs/architecture.md": draw_architecture.drawings(),
    }
    wanted = {path: kept_lesson(path, titles) for path in titles}
    for name, blocks in pages.items():
        wanted[ROOT / name] = lessons.fill((ROOT / name).read_text(encoding="utf-8"), blocks)
    return {p: text for p, text in wanted.items() if p.read_text(encoding="utf-8") != text}


def main():
    """Bring the files into the kept form, or check that they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if needed")
    stale = stale_files()
    if not parser.parse_args().check:
        for path, text in stale.items():
            lessons.write_text(path, text)
    elif stale:
        names = ", ".join(path.name for path in stale)
        sys.exit(f"not in the kept form: {names}; run `make format`")


if __name__ == "__main__":
    main()
