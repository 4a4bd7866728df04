"""The report: our model, the baselines, the ceiling and the floor, on one page with sound.

Usage: python -m benchmarks.report [--pieces 1000] [--run outputs/runs/NAME] [--keep]
It writes outputs/report/: index.html, table.csv, targets.csv, three pictures, audio/, report.json.
"""

import argparse
import hashlib
import html
import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lstmgan_utils import audio, corpus, evaluation, plotting, runtime, sampling
from lstmgan_utils.evaluation.baselines import MarkovChain, MeasureShuffle
from lstmgan_utils.evaluation.comparison import real_scores, rescale

RESULTS = Path(__file__).parent / "results"
MEASURES = 8
HEARD = (0, 1, 2)  # seeds, the same for every generator
EDGES = (-0.5, 1.5)  # of the picture of scores; what lies farther out is drawn there
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>LSTM-GAN: the report</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}}
div.wide{{overflow-x:auto}}table{{border-collapse:collapse;font-size:.8rem}}
td,th{{padding:.2rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}}
th{{white-space:nowrap}}img,audio{{max-width:100%}}pre{{white-space:pre-wrap}}
section.sound{{display:grid;grid-template-columns:9rem repeat(3,1fr);gap:.3rem;align-items:center}}
</style><h1>Is it music?</h1>
<p>{n_pieces} pieces of {measures} measures from each generator, seeds 0 to {last_seed}, none left
out, beside clips of {n_held_out} held-out tunes. All learned from the same training tunes.
The model trained for {minutes:g} minutes; the baselines learn in seconds.</p>
<p><em>held_out</em>: the same metric of the held-out clips. <em>ceiling</em>: training tunes
as if generated. <em>floor</em>: noise of the right density. In brackets, and as low and
high: 95 % bootstrap intervals.</p>
<h2>Sound</h2><section class="sound">{players}</section>
<h2>Seed 0 of each</h2><img src="rolls.png" alt="Piano rolls of one piece of each generator">
<h2>Between noise and real music</h2>
<img src="scores.png" alt="Scores of each generator, from noise at 0 to real music at 1">
<h2>All scores</h2><div class="wide">{table}</div>
<h2>The targets of {ours}</h2><div class="wide">{card}</div>
<h2>Copies</h2><p>The longest run of intervals and durations that a piece shares with any training
tune, in any key. Held-out tunes share runs too: that is the yardstick.</p>
<img src="shared_runs.png" alt="Share of pieces by the longest run shared with training">
<h2>To make it again</h2><pre>{facts}</pre></html>
"""


def sample_baselines(songs, seeds):
    """Return what every baseline, fitted to the same tunes, makes of the same seeds.

    The value is a dict of the baseline's name to its list of note arrays.
    """
    baselines = {"Markov chain": MarkovChain(), "shuffled measures": MeasureShuffle()}
    pieces = {}
    for name, baseline in baselines.items():
        baseline.fit(songs)
        pieces[name] = [baseline.sample(seed, MEASURES) for seed in seeds]
    return pieces | {"noise": evaluation.noise_like(evaluation.clips(songs, MEASURES), len(seeds))}


def make_report(pieces, held_out, training, folder, *, facts, n_bootstrap=200):
    """Write the report.

    Args:
        pieces: dict of the generator's name to its list of note arrays; the model comes first.
        held_out, training: Songs.
        folder: Path of the folder to write to.
        facts: dict of what a reader needs to make it again: minutes, hashes.
        n_bootstrap: int, draws for the intervals.

    Returns:
        Path of index.html.
    """
    folder, ours = Path(folder), next(iter(pieces))
    cards = {
        name: evaluation.scorecard(one, held_out, training, n_bootstrap=n_bootstrap)
        for name, one in pieces.items()
    }
    table, clips = comparison_table(cards), evaluation.clips(held_out, MEASURES)
    first = [one[0] for one in (clips, *pieces.values())]
    titles = ["real", *pieces]
    save_figure(plotting.plot_batch(first, columns=3, titles=titles)[0], folder / "rolls.png")
    save_figure(draw_scores(table, pieces), folder / "scores.png")
    save_figure(draw_runs({"real": clips, **pieces}, training), folder / "shared_runs.png")
    write_csv(folder / "targets.csv", cards[ours])
    write_csv(folder / "table.csv", table)
    write_text(folder / "report.json", json.dumps(facts, indent=1))
    n_pieces = len(pieces[ours])
    page = PAGE.format(
        ours=html.escape(ours), n_pieces=n_pieces, last_seed=n_pieces - 1, measures=MEASURES,
        n_held_out=len(clips), minutes=facts["minutes"],
        players=write_sounds({"real": clips, **pieces}, folder),
        table=as_html(with_intervals(table, pieces)), card=as_html(cards[ours]),
        facts=html.escape(json.dumps(facts, indent=1)),
    )  # fmt: skip
    write_text(folder / "index.html", page)
    return folder / "index.html"


def as_html(table):
    """Return a table as HTML: three decimals, a dash for NaN."""
    return table.to_html(float_format="{:,.3f}".format, na_rep="–", border=0)


def with_intervals(table, names):
    """Return a comparison table for reading: a column a generator, its interval in brackets."""
    shown = table[["held_out", "ceiling", "floor"]].copy()
    for name in names:
        scores = table[[name, f"{name} low", f"{name} high"]].itertuples(index=False)
        shown[name] = [f"{value:,.3f}" + (f" [{low:,.3f}, {high:,.3f}]" if low == low else "")
                       for value, low, high in scores]  # fmt: skip
    return shown


def comparison_table(cards):
    """Return the scores of several generators side by side.

    `cards` is a dict of name to `evaluation.scorecard`; the DataFrame has held_out, ceiling, floor,
    and "name", "name low" and "name high" for each generator.
    """
    table = next(iter(cards.values()))[["held_out", "ceiling", "floor"]].copy()
    for name, card in cards.items():
        table[[name, f"{name} low", f"{name} high"]] = card[["generated", "low", "high"]]
    return table


def draw_scores(table, names):
    """Draw each generator's scores with their intervals, from noise at 0 to real music at 1."""
    # Where more is no worse, and noise and real music differ; shared runs may be shorter.
    is_run = table.index.str.startswith("shared run")
    table = table[~is_run & ((real_scores(table) - table["floor"]).abs() > 0.05)]
    fig, ax = plt.subplots(figsize=(10, 0.36 * len(table) + 1), layout="constrained")
    for i, name in enumerate(names):
        places = np.arange(len(table)) + 0.14 * (i - (len(names) - 1) / 2)
        x, low, high = (rescale(table, name + end).clip(*EDGES) for end in ("", " low", " high"))
        ax.plot(x, places, "osD^v"[i % 5], color=f"C{i}", markersize=5, label=name)
        ax.hlines(places, low, high, color=f"C{i}")
    for place in (0, 1):
        ax.axvline(place, color="gray", linewidth=0.8)
    ax.set(yticks=range(len(table)), yticklabels=table.index, xlim=EDGES,
           xlabel="0: noise, 1: real music")  # fmt: skip
    ax.invert_yaxis()
    ax.grid(axis="y", alpha=0.3)
    fig.legend(loc="outside upper center", ncols=len(names))
    return fig


def draw_runs(pieces, training):
    """Draw which share of each generator's pieces shares runs of so many notes with training."""
    fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
    lengths = np.arange(41)
    for name, one in pieces.items():
        runs = evaluation.novelty(one, training)["run"]
        style = {"color": "black", "linewidth": 2.5} if name == "real" else {}
        ax.step(lengths, (runs >= lengths[:, None]).mean(axis=1), where="mid", label=name, **style)
    ax.set(xlabel="notes in the longest shared run, at least", ylabel="share of pieces")
    ax.legend()
    return fig


def save_figure(fig, path):
    """Write a figure as PNG and close it."""
    with runtime.atomic_path(path) as temporary:
        fig.savefig(temporary, dpi=110)
    plt.close(fig)


def write_sounds(pieces, folder):
    """Write sound files of the first seeds: HTML with a row for each generator."""
    players = []
    for name, one in pieces.items():
        players.append(f"<strong>{html.escape(name)}</strong>")
        for seed in HEARD[: len(one)]:
            data, mime = audio.encode_audio(*audio.render(one[seed], 110))
            stem = f"{name.replace(' ', '_')}_{seed}.{mime.split('/')[1].replace('mpeg', 'mp3')}"
            with runtime.atomic_path(folder / "audio" / stem) as temporary:
                temporary.write_bytes(data)
            label = html.escape(f"{name}, seed {seed}")
            source = f'src="audio/{stem}" aria-label="{label}"'
            players.append(f'<audio controls preload="none" {source}></audio>')
    return "\n".join(players)


def write_text(path, text):
    """Write a text file, whole or not at all."""
    with runtime.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(path, table):
    """Write a DataFrame as CSV, numbers in full, whole or not at all."""
    write_text(path, table.to_csv())


def training_minutes(options):
    """Return for how many minutes the model trained: float, NaN where nobody wrote it."""
    if options.run:
        path = runtime.project_root() / options.run / "minutes.json"
        return sum(json.loads(path.read_text()).values()) if path.is_file() else float("nan")
    record = json.loads((sampling.WEIGHTS / options.weights / "record.json").read_text())
    return sum(record["minutes"].values())


def hash_file(path):
    """Return the hash of a file: str of 16 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pieces", type=int, default=1000, help="pieces of each generator")
    parser.add_argument("--run", help="a run folder to compare instead of the shipped weights")
    parser.add_argument("--weights", default="folk", help="the shipped weights to compare")
    parser.add_argument("--keep", action="store_true", help="keep the table in benchmarks/results")
    return parser.parse_args()


def main():
    """Compare the shipped weights, or a run, with the baselines and write the report."""
    options = parse_arguments()
    songs = corpus.builtin_tunes()
    training, held_out = (songs.select(part) for part in songs.split(0))
    load = sampling.load_run if options.run else sampling.load_pretrained
    seeds = list(range(options.pieces))
    pieces = sampling.sample_many(load(options.run or options.weights), seeds, MEASURES)
    facts = {"model": options.run or options.weights, "minutes": training_minutes(options),
             "seeds": f"0 to {seeds[-1]}", "split_seed": 0,
             "songs": len(songs), "songs_hash": songs.hash, "training_hash": training.hash,
             "held_out_hash": held_out.hash, "versions": runtime.versions()}  # fmt: skip
    if not options.run:
        weights = sampling.WEIGHTS / options.weights / "generator.weights.h5"
        facts["weights_hash"] = hash_file(weights)
    pieces = {"LSTM-GAN": pieces} | sample_baselines(training, seeds)
    folder = runtime.project_root() / "outputs" / "report"
    print(make_report(pieces, held_out, training, folder, facts=facts))
    if options.keep and not options.run:
        shutil.copy(folder / "table.csv", RESULTS / "comparison.csv")
        shutil.copy(folder / "report.json", RESULTS / "comparison.json")


if __name__ == "__main__":
    main()
