"""The report: our model, its rivals, its ceiling and its floor, on one page with sound.

Usage: python -m benchmarks.report [--pieces 1000] [--minutes 10] [--run outputs/runs/NAME] [--keep]
It writes outputs/report/: index.html, table.csv, targets.csv, three pictures, audio/, report.json.
The likelihood LSTM may train for as long as the model did, unless --minutes says otherwise.
"""

import argparse
import hashlib
import html
import json
import shutil
from pathlib import Path

import numpy as np

from benchmarks.rivals import line_up
from lstmgan_utils import audio, corpus, evaluation, plotting, runtime, sampling
from lstmgan_utils.evaluation import league
from lstmgan_utils.runtime import atomic_path

MEASURES = 8
HEARD = (0, 1, 2)  # seeds, the same for every writer
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
<p>{n_pieces} pieces of {measures} measures from each writer, seeds 0 to {last_seed}, none left out,
judged by clips of {n_held_out} held-out tunes. All writers learned from the same training tunes.
The model trained for {minutes:g} minutes and the likelihood LSTM for at most {rival_minutes:g}.</p>
<p><em>held_out</em>: the same statistic of the held-out clips. <em>ceiling</em>: training tunes
judged as if generated. <em>floor</em>: noise of the right density. In brackets, and as low and
high: 95 % bootstrap intervals.</p>
<h2>Sound</h2><section class="sound">{players}</section>
<h2>Seed 0 of each</h2><img src="rolls.png" alt="Piano rolls of one piece of each writer">
<h2>Between noise and real music</h2>
<img src="scores.png" alt="Scores of each writer, from noise at 0 to real music at 1">
<h2>Who is nearer to real music</h2><p>On how many measures {ours} is nearer to real music than
each rival, as far from it (or their intervals meet), and farther.</p>
<div class="wide">{standings}</div>
<h2>All scores</h2><div class="wide">{league}</div>
<h2>The targets of {ours}</h2><div class="wide">{card}</div>
<h2>Copies</h2><p>The longest run of intervals and durations that a piece shares with any training
tune, in any key. Held-out tunes share runs too: that is the yardstick.</p>
<img src="shared_runs.png" alt="Share of pieces by the longest run shared with training">
<h2>To make it again</h2><pre>{facts}</pre></html>
"""


def make_report(pieces, held_out, training, folder, *, facts, n_bootstrap=200):
    """Write the report.

    Args:
        pieces: dict of the writer's name to its list of note arrays; the model comes first.
        held_out, training: Songs.
        folder: Path of the folder to write to.
        facts: dict of what a reader needs to make it again: minutes, rival_minutes, hashes, seeds.
        n_bootstrap: int, draws for the intervals.

    Returns:
        Path of index.html.
    """
    folder, (ours, *rivals) = Path(folder), pieces
    cards = evaluation.scorecards(pieces, held_out, training, measures=MEASURES,
                                  n_bootstrap=n_bootstrap)  # fmt: skip
    table = evaluation.league_table(cards)
    clips = evaluation.clips(held_out, MEASURES)
    draw_rolls({"real": clips, **pieces}, folder / "rolls.png")
    draw_scores(table, pieces, folder / "scores.png")
    draw_runs({"real": clips, **pieces}, training, folder / "shared_runs.png")
    cards[ours].to_csv(folder / "targets.csv")
    table.to_csv(folder / "table.csv")
    write_text(folder / "report.json", json.dumps(facts, indent=1))
    n_pieces = len(pieces[ours])
    page = PAGE.format(
        ours=html.escape(ours), n_pieces=n_pieces, last_seed=n_pieces - 1, measures=MEASURES,
        n_held_out=len(clips), minutes=facts["minutes"], rival_minutes=facts["rival_minutes"],
        players=write_sounds({"real": clips, **pieces}, folder),
        standings=evaluation.standings(table, ours, rivals)._repr_html_(),
        league=league.shown(table, pieces)._repr_html_(), card=cards[ours]._repr_html_(),
        facts=html.escape(json.dumps(facts, indent=1)),
    )  # fmt: skip
    write_text(folder / "index.html", page)
    return folder / "index.html"


def judge_again(pieces, held_out, training, weights, facts):
    """Judge new pieces beside the rivals of the league that is kept, which have not changed.

    Args:
        pieces: list of note arrays of the model.
        held_out, training: Songs, those of the kept league.
        weights: Path of the folder that holds league.csv and league.json; both are rewritten.
        facts: as for `make_report`.

    Returns:
        Table.

    Raises:
        ValueError: the kept league is about other songs or seeds.
    """
    kept = json.loads((weights / "league.json").read_text())
    for name in ("training_hash", "held_out_hash", "seeds"):
        if kept[name] != facts[name]:
            raise ValueError(f"the kept league has another {name}; make the whole report anew")
    cards = evaluation.scorecards({"LSTM-GAN": pieces}, held_out, training, measures=MEASURES,
                                  n_bootstrap=200)  # fmt: skip
    ours = evaluation.league_table(cards)
    rows = evaluation.Table.from_csv(weights / "league.csv")
    table = evaluation.Table(row | ours[row["measure"]] for row in rows)
    facts = facts | {
        "rival_minutes": kept["rival_minutes"],
        "rivals_heard_beside": kept.get("rivals_heard_beside", kept["weights_hash"]),
    }
    table.to_csv(weights / "league.csv")
    write_text(weights / "league.json", json.dumps(facts, indent=1))
    return table


def draw_rolls(pieces, path):
    """Draw the first piece of each writer."""
    fig, _ = plotting.plot_batch(
        [one[0] for one in pieces.values()], columns=3, titles=list(pieces)
    )
    save_figure(fig, path)


def draw_scores(table, writers, path):
    """Draw each writer's scores with their intervals, from noise at 0 to real music at 1."""
    import matplotlib.pyplot as plt

    rows = [row for row in table if league.tells_apart(row)]
    fig, ax = plt.subplots(figsize=(10, 0.36 * len(rows) + 1), layout="constrained")
    for i, name in enumerate(writers):
        places = np.arange(len(rows)) + 0.14 * (i - (len(writers) - 1) / 2)
        x, low, high = (
            np.clip([league.from_floor_to_top(row, row[name + end]) for row in rows], *EDGES)
            for end in ("", " low", " high")
        )
        ax.plot(x, places, "osD^v"[i % 5], color=f"C{i}", markersize=5, label=name)
        ax.hlines(places, low, high, color=f"C{i}")
    ax.axvline(0, color="gray", linewidth=0.8)
    ax.axvline(1, color="gray", linewidth=0.8)
    ax.set(yticks=range(len(rows)), yticklabels=[row["measure"] for row in rows],
           xlabel="0: noise, 1: real music", xlim=EDGES)  # fmt: skip
    ax.invert_yaxis()
    ax.grid(axis="y", alpha=0.3)
    fig.legend(loc="outside upper center", ncols=len(writers))
    save_figure(fig, path)


def draw_runs(pieces, training, path):
    """Draw which share of each writer's pieces shares runs of so many notes with training."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
    lengths = np.arange(41)
    for name, one in pieces.items():
        runs = evaluation.novelty(one, training)["run"]
        style = {"color": "black", "linewidth": 2.5} if name == "real" else {}
        ax.step(lengths, (runs >= lengths[:, None]).mean(axis=1), where="mid", label=name, **style)
    ax.set(xlabel="notes in the longest shared run, at least", ylabel="share of pieces")
    ax.legend()
    save_figure(fig, path)


def save_figure(fig, path):
    """Write a figure as PNG and close it."""
    import matplotlib.pyplot as plt

    with atomic_path(path) as temporary:
        fig.savefig(temporary, dpi=110)
    plt.close(fig)


def write_sounds(pieces, folder):
    """Write sound files of the first seeds of each writer: HTML with a row for each writer."""
    players = []
    for name, one in pieces.items():
        players.append(f"<strong>{html.escape(name)}</strong>")
        for seed in HEARD[: len(one)]:
            data, mime = audio.encode_audio(*audio.render(one[seed], 110))
            stem = f"{name.replace(' ', '_')}_{seed}.{mime.split('/')[1].replace('mpeg', 'mp3')}"
            with atomic_path(folder / "audio" / stem) as temporary:
                temporary.write_bytes(data)
            label = html.escape(f"{name}, seed {seed}")
            source = f'src="audio/{stem}" aria-label="{label}"'
            players.append(f'<audio controls preload="none" {source}></audio>')
    return "\n".join(players)


def write_text(path, text):
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def training_minutes(options):
    """Look up for how many minutes the judged model trained: float, NaN where nobody wrote it."""
    if options.run:
        path = runtime.project_root() / options.run / "minutes.json"
        return sum(json.loads(path.read_text()).values()) if path.is_file() else float("nan")
    return json.loads((sampling.WEIGHTS / options.weights / "record.json").read_text())["minutes"]


def hash_file(path):
    """Hash a file: str of 16 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pieces", type=int, default=1000, help="pieces of each writer")
    parser.add_argument("--minutes", type=float, help="training of the likelihood LSTM, at most")
    parser.add_argument("--run", help="a run folder to judge instead of the shipped weights")
    parser.add_argument("--weights", default="folk", help="the shipped weights to judge")
    parser.add_argument("--keep", action="store_true", help="keep the table beside the weights")
    parser.add_argument(
        "--same-rivals",
        action="store_true",
        help="judge the shipped weights anew, beside the rivals of the kept table, and keep that",
    )
    options = parser.parse_args()
    if options.same_rivals and options.run:
        parser.error("--same-rivals is for shipped weights, not for a --run")
    return options


def main():
    """Judge the shipped weights, or a run, and write the report."""
    options = parse_arguments()
    weights, minutes = sampling.WEIGHTS / options.weights, training_minutes(options)
    rival_minutes = minutes if options.minutes is None else options.minutes
    if not rival_minutes > 0:
        raise SystemExit("nobody wrote how long the run took; give --minutes")
    songs = corpus.builtin_tunes()
    training, held_out = (songs.select(part) for part in songs.split(0))
    load = sampling.load_run if options.run else sampling.load_pretrained
    seeds = list(range(options.pieces))
    generator = load(options.run or options.weights)
    pieces = {"LSTM-GAN": sampling.sample_many(generator, seeds, MEASURES)}
    facts = {"model": options.run or options.weights, "minutes": minutes,
             "rival_minutes": rival_minutes, "seeds": f"0 to {seeds[-1]}", "split_seed": 0,
             "songs": len(songs), "songs_hash": songs.hash, "training_hash": training.hash,
             "held_out_hash": held_out.hash, "versions": runtime.versions()}  # fmt: skip
    if not options.run:
        facts["weights_hash"] = hash_file(weights / "generator.weights.h5")
    if options.same_rivals:
        print(judge_again(pieces["LSTM-GAN"], held_out, training, weights, facts))
        return
    pieces |= line_up(training, seeds, measures=MEASURES, minutes=rival_minutes)
    folder = runtime.project_root() / "outputs" / "report"
    print(make_report(pieces, held_out, training, folder, facts=facts))
    if options.keep and not options.run:
        shutil.copy(folder / "table.csv", weights / "league.csv")
        shutil.copy(folder / "report.json", weights / "league.json")


if __name__ == "__main__":
    main()
