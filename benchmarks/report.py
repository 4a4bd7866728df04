"""The report: our model, its rivals, its ceiling and its floor, on one page with sound.

Usage: python -m benchmarks.report [--pieces 1000] [--minutes 10] [--run outputs/runs/NAME].
It writes outputs/report/: index.html, table.csv, rolls.png, shared_runs.png, audio/, report.json.
"""

import argparse
import html
import json
from pathlib import Path

import numpy as np

from benchmarks.rivals import line_up
from lstmgan_utils import audio, corpus, evaluation, plotting, runtime, sampling
from lstmgan_utils.runtime import atomic_path

MEASURES = 8
HEARD = (0, 1, 2)  # seeds, the same for every writer
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>LSTM-GAN: the report</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;font-size:.85rem}}td,th{{padding:.2rem .6rem;text-align:left;
border-bottom:1px solid #ddd}}img{{max-width:100%}}figure{{display:inline-block;margin:.5rem}}
</style><h1>Is it music?</h1>
<p>{n_pieces} pieces of {measures} measures from each writer, seeds 0 to {last_seed}, judged by
clips of {n_held_out} held-out tunes. Ceiling: training tunes judged as if generated. Floor: noise
of the right density. low and high: 95 % bootstrap interval of the model.</p>
<h2>The targets</h2>{card}
<h2>Beside its rivals</h2><p>The likelihood LSTM trained for {minutes:g} minutes. The model is at
least as near to real music as a rival on: {wins}.</p>{league}
<h2>Seed 0 of each</h2><img src="rolls.png" alt="Piano rolls of one piece of each writer">
<h2>Sound</h2>{players}
<h2>Copies</h2><img src="shared_runs.png" alt="Histogram of the longest runs shared with training">
<h2>To make it again</h2><pre>{facts}</pre></html>
"""


def make_report(pieces, held_out, training, folder, *, facts, minutes=0.0, n_bootstrap=200):
    """Write the report.

    Args:
        pieces: dict of the writer's name to its list of note arrays; the model comes first.
        held_out, training: Songs.
        folder: Path of the folder to write to.
        facts: dict of what a reader needs to make it again: hashes, seeds, versions.
        minutes: float, training time of the likelihood LSTM.
        n_bootstrap: int, draws for the model's intervals.

    Returns:
        Path of index.html.
    """
    folder = Path(folder)
    cards = {
        name: evaluation.scorecard(one, held_out, training, measures=MEASURES,
                                   n_bootstrap=n_bootstrap if i == 0 else 20)
        for i, (name, one) in enumerate(pieces.items())
    }  # fmt: skip
    card, league = next(iter(cards.values())), league_table(cards)
    clips = evaluation.clips(held_out, MEASURES)
    draw_rolls({"real": clips, **pieces}, folder / "rolls.png")
    draw_runs({"held-out": clips, **pieces}, training, folder / "shared_runs.png")
    card.to_csv(folder / "targets.csv")
    league.to_csv(folder / "table.csv")
    write_text(folder / "report.json", json.dumps(facts, indent=1))
    n_pieces = len(next(iter(pieces.values())))
    page = PAGE.format(
        n_pieces=n_pieces, last_seed=n_pieces - 1, measures=MEASURES, n_held_out=len(clips),
        minutes=minutes, card=card._repr_html_(), league=league._repr_html_(),
        wins=html.escape(", ".join(f"{k} {v}" for k, v in count_wins(cards).items())),
        players=write_sounds({"real": clips, **pieces}, folder),
        facts=html.escape(json.dumps(facts, indent=1)),
    )  # fmt: skip
    write_text(folder / "index.html", page)
    return folder / "index.html"


def league_table(cards):
    """Put the scores of all writers side by side: Table."""
    return evaluation.Table(
        {"measure": row["measure"], "held_out": row["held_out"], "ceiling": row["ceiling"]}
        | {name: card[row["measure"]]["generated"] for name, card in cards.items()}
        for row in next(iter(cards.values()))
    )


def badness(row):
    """Tell how far a row is from real music, so that less is better: float, NaN for no say."""
    name, value = row["measure"], row["generated"]
    if name.startswith("shared run"):
        return max(value - row["held_out"], 0)  # borrowing less than real tunes do is no fault
    if not np.isnan(row["held_out"]):
        return abs(value - row["held_out"])
    if name.startswith("classifier"):
        return abs(value - 0.5)
    if name in ("Fréchet distance", "divergence of distances"):
        return value
    return max(row["ceiling"] - value, 0)


def count_wins(cards):
    """Count the measures on which the first writer is as near to real music as each other one.

    Returns:
        dict of the rival's name to text such as "12 of 30".
    """
    ours, *rivals = cards
    wins = {}
    for name in rivals:
        pairs = [(badness(a), badness(b)) for a, b in zip(cards[ours], cards[name], strict=True)]
        pairs = [pair for pair in pairs if not np.isnan(pair).any()]
        wins[f"against {name}"] = f"{sum(a <= b for a, b in pairs)} of {len(pairs)}"
    return wins


def draw_rolls(pieces, path):
    """Draw the first piece of each writer."""
    fig, _ = plotting.plot_batch(
        [one[0] for one in pieces.values()], columns=3, titles=list(pieces)
    )
    save_figure(fig, path)


def draw_runs(pieces, training, path):
    """Draw how long the runs are that each writer shares with training tunes."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
    runs = [np.minimum(evaluation.novelty(one, training)["run"], 40) for one in pieces.values()]
    ax.hist(runs, bins=range(0, 42, 2), density=True, label=list(pieces))
    ax.set(xlabel="notes in the longest shared run (40 or more in the last bar)", ylabel="share")
    ax.legend()
    save_figure(fig, path)


def save_figure(fig, path):
    """Write a figure as PNG and close it."""
    import matplotlib.pyplot as plt

    with atomic_path(path) as temporary:
        fig.savefig(temporary, dpi=110)
    plt.close(fig)


def write_sounds(pieces, folder):
    """Write sound files of the first seeds of each writer: HTML with a player for each."""
    players = []
    for name, one in pieces.items():
        for seed in HEARD[: len(one)]:
            data, mime = audio.encode_audio(*audio.render(one[seed], 110))
            stem = f"{name.replace(' ', '_')}_{seed}.{mime.split('/')[1].replace('mpeg', 'mp3')}"
            with atomic_path(folder / "audio" / stem) as temporary:
                temporary.write_bytes(data)
            caption = f"<figcaption>{html.escape(name)}, seed {seed}</figcaption>"
            player = f'<audio controls preload="none" src="audio/{stem}"></audio>'
            players.append(f"<figure>{caption}{player}</figure>")
    return "\n".join(players)


def write_text(path, text):
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main():
    """Judge the shipped weights, or a run, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pieces", type=int, default=1000, help="pieces of each writer")
    parser.add_argument("--minutes", type=float, default=10, help="training of the likelihood LSTM")
    parser.add_argument("--run", help="a run folder to judge instead of the shipped weights")
    parser.add_argument("--weights", default="folk", help="the shipped weights to judge")
    options = parser.parse_args()
    songs = corpus.builtin_tunes()
    training, held_out = (songs.select(part) for part in songs.split(0))
    load = sampling.load_run if options.run else sampling.load_pretrained
    generator = load(options.run or options.weights)
    seeds = list(range(options.pieces))
    pieces = {"LSTM-GAN": sampling.sample_many(generator, seeds, MEASURES)}
    pieces |= line_up(training, seeds, measures=MEASURES, minutes=options.minutes)
    facts = {"model": options.run or options.weights, "seeds": f"0 to {seeds[-1]}", "split seed": 0,
             "songs": len(songs), "songs hash": songs.hash, "training hash": training.hash,
             "held-out hash": held_out.hash, "versions": runtime.versions()}  # fmt: skip
    folder = runtime.project_root() / "outputs" / "report"
    print(make_report(pieces, held_out, training, folder, facts=facts, minutes=options.minutes))


if __name__ == "__main__":
    main()
