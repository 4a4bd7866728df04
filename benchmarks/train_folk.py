"""Train, judge and ship the weights "folk": `make weights`, about an hour on two cores.

The run is resumable: start it again after any stop. It learns from the training side of the
built-in tunes, which also sets how eagerly it copies (`calibrate_copies`), and is judged on the
held-out side, by seeds 0 to 999, before the adversarial phase and at the end.
"""

import datetime
import json
import sys
import time
from pathlib import Path

from benchmarks import long_pieces
from benchmarks.report import RESULTS, write_csv
from lstmgan_utils import corpus, evaluation, plotting, runtime, sampling, training
from lstmgan_utils.config import PRESETS
from lstmgan_utils.evaluation.calibration import calibrate_copies

SEEDS = range(1000)
PICTURE_SEED = 0


def judge(model, held_out, tunes):
    """Score 1,000 pieces of 8 measures: the scorecard of lesson 08."""
    pieces = sampling.sample_many(model.average, SEEDS, 8)
    return evaluation.scorecard(pieces, held_out, tunes, measures=8)


def train_and_judge(run_folder, preset="laptop"):
    """Run both phases and judge after each.

    Returns:
        (LSTMGAN, scorecards before and after the adversarial phase, Songs to train on, DataFrame
        of the calibration).
    """
    songs = corpus.builtin_tunes()
    training_side, test_side = songs.split(0)
    tunes, held_out = songs.select(training_side), songs.select(test_side)
    minutes, cards = _read_minutes(run_folder), {}
    for phase, until in (("before", PRESETS[preset].warm_up_steps), ("after", None)):
        start = time.monotonic()
        model = training.train(tunes, run_folder, preset, until=until, every=100)
        if until is None:
            calibration = calibrate_copies(model.average, tunes)
            print(calibration)
        minutes[phase] = minutes.get(phase, 0) + (time.monotonic() - start) / 60
        (Path(run_folder) / "minutes.json").write_text(json.dumps(minutes))
        cards[phase] = judge(model, held_out, tunes)
        print(f"{phase} the adversarial phase, {minutes[phase]:.1f} minutes\n{cards[phase]}")
    return model, cards, tunes, calibration


def _read_minutes(run_folder):
    path = Path(run_folder) / "minutes.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def ship(model, cards, tunes, calibration, run_folder, name="folk"):
    """Write the generator, its record and its picture into the repository."""
    folder = sampling.save_generator(model.average, sampling.WEIGHTS / name)
    minutes = _read_minutes(run_folder)
    record = {
        "preset": "laptop",
        "seed": model.config.seed,
        "data": "corpus.builtin_tunes().split(0), training side",
        "data_hash": tunes.hash,
        "n_songs": len(tunes),
        "batches": int(model.n_batches),
        "minutes": round(sum(minutes.values()), 1),
        "minutes_warm_up": round(minutes["before"], 1),
        "minutes_adversarial": round(minutes["after"], 1),
        "date": datetime.date.today().isoformat(),
        "versions": runtime.versions(),
        "seeds_judged": [SEEDS[0], SEEDS[-1]],
        "scores": {phase: card["generated"].to_dict() for phase, card in cards.items()},
    }
    for phase, card in cards.items():
        write_csv(RESULTS / f"scores_{phase}.csv", card)
    write_csv(RESULTS / "calibration.csv", calibration)
    with runtime.atomic_path(folder / "record.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n")
    draw(sampling.sample(model.average, PICTURE_SEED, 8))


def draw(notes):
    """Draw the README's picture."""
    figure, _ = plotting.plot_roll(notes)
    with runtime.atomic_path(runtime.project_root() / "docs" / "folk_roll.png") as path:
        figure.savefig(path, dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    run_folder = sys.argv[1] if len(sys.argv) > 1 else "outputs/runs/folk"
    ship(*train_and_judge(run_folder), run_folder)
    long_pieces.main()
