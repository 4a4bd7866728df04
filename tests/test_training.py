"""A training run: what it leaves behind, and that no interruption changes it."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from fixtures_learning import TINY
from toy_tunes import toy_songs

from lstmgan_utils import callbacks, runs, training
from lstmgan_utils.pianoroll import note_array, read_midi

TESTS = Path(__file__).parent
KILLED = """
import os, signal, sys
import keras
from fixtures_learning import TINY
from lstmgan_utils import training
from toy_tunes import toy_songs

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.n_batches) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

training.train(toy_songs(4), sys.argv[1], TINY, every=3, extra=[Kill()], progress=False)
"""


class Losses(keras.callbacks.Callback):
    """Remember the losses of every batch."""

    def __init__(self):
        super().__init__()
        self.of = {}

    def on_train_batch_end(self, batch, logs=None):
        self.of[int(self.model.n_batches)] = dict(logs)


def train(folder, **options):
    """Train the tiny game: (model, losses by batch number)."""
    losses = Losses()
    extra = [losses, *options.pop("extra", ())]
    options = {"every": 3, "config": TINY, "progress": False, **options}
    model = training.train(toy_songs(4), folder, extra=extra, **options)
    return model, losses.of


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Train 4 warm-up and 6 adversarial batches in one go: (folder, model, losses)."""
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    return folder, *train(folder)


def test_a_run_leaves_samples_saves_history_and_logs(unbroken):
    folder, model, losses = unbroken
    assert int(model.n_batches) == 10 and sorted(losses) == list(range(1, 11))
    samples = sorted(path.name for path in (folder / "samples").iterdir())
    assert samples == ["step_000003.mid", "step_000006.mid", "step_000009.mid"]
    assert len(read_midi(folder / "samples" / "step_000009.mid"))
    assert [n for n, _ in runs.saves(folder)] == [3, 6, 9]
    assert list((folder / "logs").glob("events.out.tfevents.*"))
    assert not list(folder.rglob(".writing-*"))


def test_the_history_holds_the_losses_of_its_batches(unbroken):
    folder, _, losses = unbroken
    rows = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    assert {(row[0], row[1]) for row in rows} == {
        ("3", "warm-up"), ("6", "adversarial"), ("9", "adversarial"),
    }  # fmt: skip
    for number, _, name, value in rows:
        assert float(value) == pytest.approx(float(losses[int(number)][name]), rel=1e-4)


def test_tensorboard_can_read_the_losses(unbroken):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _, losses = unbroken
    events = EventAccumulator(str(folder / "logs"))
    for path in (folder / "logs").iterdir():
        events = EventAccumulator(str(path)).Reload()
        for name in events.Tags()["tensors"]:
            for entry in events.Tensors(name):
                value = entry.tensor_proto.float_val[0]
                if name in losses[entry.step]:
                    assert value == pytest.approx(float(losses[entry.step][name]), rel=1e-4)


@pytest.mark.parametrize("last", [2, 8])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(unbroken, tmp_path, last):
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(folder), str(last)]
    ended = subprocess.run(command, cwd=TESTS.parent, env=environment(), capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    saved = last // 3 * 3
    assert [n for n, _ in runs.saves(folder)] == list(range(3, saved + 1, 3))
    model, losses = train(folder)
    assert sorted(losses) == list(range(saved + 1, 11))
    same_losses(losses, unbroken[2])
    same_weights(model, unbroken[1])


def environment():
    """Let a child process find the package and the tests."""
    import os

    return os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}


def same_losses(found, expected):
    """Compare the losses of the batches that were found."""
    for number, logs in found.items():
        assert logs == pytest.approx(expected[number], rel=1e-4), number


def same_weights(found, expected):
    """Compare all weights of two games."""
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_run_can_be_stopped_anywhere_and_taken_up(unbroken, tmp_path):
    losses = {}
    for until in (3, 6, None):  # at a save in the warm-up, after it, and to the end
        model, found = train(tmp_path, until=until)
        losses |= found
    same_losses(losses, unbroken[2])
    same_weights(model, unbroken[1])


def test_a_finished_run_is_not_trained_again(unbroken):
    folder, model, _ = unbroken
    again, losses = train(folder)  # its last save is batch 9
    assert sorted(losses) == [10] and int(again.n_batches) == 10


def test_a_folder_with_another_run_is_refused(unbroken):
    folder = unbroken[0]
    with pytest.raises(ValueError, match="unbroken.*other settings.*another folder"):
        train(folder, config=dataclasses.replace(TINY, seed=1))
    with pytest.raises(ValueError, match="other settings or songs"):
        training.train(toy_songs(3), folder, TINY, progress=False)


def test_an_unknown_preset_is_named():
    with pytest.raises(ValueError, match="'huge'.*laptop"):
        training.train(toy_songs(1), "nowhere", "huge")


class Poison(keras.callbacks.Callback):
    """Break a weight after batch 4."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.n_batches) == 4:
            self.model.generator.embedding.assign(self.model.generator.embedding * np.nan)


def test_a_loss_that_is_no_number_stops_with_the_last_good_save(unbroken, tmp_path):
    with pytest.raises(FloatingPointError, match="batch 5.*step_000003.*learning rates"):
        train(tmp_path, extra=[Poison()])
    assert [n for n, _ in runs.saves(tmp_path)] == [3]
    same_losses(train(tmp_path)[1], unbroken[2])


def test_broken_weights_are_not_saved(tmp_path):
    class Early(Poison):
        def on_train_batch_begin(self, batch, logs=None):
            pass

    with pytest.raises(FloatingPointError):
        train(tmp_path, every=1, extra=[Poison()])
    for _, path in runs.saves(tmp_path):
        assert np.isfinite(path.stat().st_size)


@pytest.mark.parametrize(
    "rows, logs, words",
    [
        ([], {}, "silent"),
        ([(0, 24, 60), (24, 24, 60)], {}, "single pitch"),
        ([(0, 385, 60), (0, 24, 62)], {}, "more than four measures"),
        ([(96 * i + k, 24, 60 + k) for i in range(8) for k in range(4)], {}, "repeated for ever"),
        ([(0, 24, 60), (24, 24, 62)], {"d_loss": 0.01}, "discriminator wins"),
        ([(0, 24, 60), (24, 24, 62)], {"d_loss": 0.5}, "^$"),
        ([(0, 384, 60), (384, 24, 62)], {"surprise": 0.01}, "^$"),
    ],
)
def test_trouble_is_said_in_words(rows, logs, words):
    import re

    assert re.search(words, callbacks.diagnose(note_array(rows), 8 * 96, logs))


def test_the_samples_follow_the_warnings_and_one_latent(unbroken, tmp_path):
    model = unbroken[1]
    writers = [callbacks.SampleWriter(tmp_path / name, measures=4) for name in "ab"]
    for writer in writers:
        writer.set_model(model)
        writer.write(10, {"d_loss": 0.0})
    first, second = [(tmp_path / n / "samples" / "step_000010.mid").read_bytes() for n in "ab"]
    assert first == second and "batch 10:" in writers[0].warnings[0]
