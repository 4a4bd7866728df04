"""A training run: what it leaves behind, and that no interruption changes it."""

import contextlib
import dataclasses
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from fixtures_learning import BRIEF
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy_tunes import toy_songs

from lstmgan_utils import callbacks, gan, runs, training
from lstmgan_utils.pianoroll import note_array

TESTS = Path(__file__).parent


class Losses(keras.callbacks.Callback):
    """Remember the losses of every batch."""

    def __init__(self):
        super().__init__()
        self.of = {}

    def on_train_batch_end(self, batch, logs=None):
        self.of[int(self.model.n_batches)] = {name: float(value) for name, value in logs.items()}


def train(folder, **options):
    """Train the tiny GAN: (model, losses by batch number)."""
    losses = Losses()
    extra = [losses, *options.pop("extra", ())]
    options = {"every": 3, "config": BRIEF, "progress": False, **options}
    model = training.train(toy_songs(4), folder, extra=extra, **options)
    return model, losses.of


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Train 4 pretraining and 6 adversarial batches in one go: (folder, model, losses)."""
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    return folder, *train(folder)


def test_a_run_leaves_samples_saves_history_and_logs(unbroken):
    folder, model, losses = unbroken
    assert int(model.n_batches) == 10 and sorted(losses) == list(range(1, 11))
    samples = callbacks.read_samples(folder)
    assert list(samples) == [3, 6, 9] and all(map(len, samples.values()))
    assert runs.saves(folder)[-1][0] == 10  # also at the end, between two saves
    assert list((folder / "logs").glob("events.out.tfevents.*"))
    assert not list(folder.rglob(".writing-*"))


def test_the_history_holds_the_losses(unbroken):
    folder, _, losses = unbroken
    history = callbacks.read_history(folder)
    assert [*history["cross_entropy"][0]] == [3, 6, 9] and [*history["d_loss"][0]] == [6, 9]
    for name, (numbers, values) in history.items():
        assert [*values] == pytest.approx([losses[n][name] for n in numbers], rel=1e-4)


def same_losses(found, expected):
    """Compare the losses of the batches that were found."""
    for number, logs in found.items():
        assert logs == pytest.approx(expected[number], rel=1e-4), number


def same_weights(found, expected):
    """Compare all weights of two GANs."""
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_run_can_be_stopped_anywhere_and_taken_up(unbroken, tmp_path):
    losses = {}
    for until in (2, 3, None):  # before the first save, at it in pretraining, and to the end
        model, found = train(tmp_path, until=until)
        losses |= found
    same_losses(losses, unbroken[2])
    same_weights(model, unbroken[1])
    assert int(train(tmp_path)[0].n_batches) == 10


@pytest.mark.parametrize(
    "callback, number, error, saved",
    [
        ("Saver", 5, KeyboardInterrupt, 5),  # between two saves
        ("SampleWriter", 6, KeyboardInterrupt, 4),  # the end of pretraining; 6 has to come again
        ("Saver", 8, MemoryError, 6),  # as if the power had failed
    ],
)
def test_a_broken_run_goes_on_without_a_gap(
    unbroken, tmp_path, capsys, monkeypatch, callback, number, error, saved
):
    kind = getattr(callbacks, callback)
    whole = kind.on_train_batch_end

    def broken(self, batch, logs=None):
        if int(self.model.n_batches) == number:
            raise error
        whole(self, batch, logs)

    with monkeypatch.context() as patch, contextlib.suppress(MemoryError):
        patch.setattr(kind, "on_train_batch_end", broken)
        train(tmp_path)
    assert runs.saves(tmp_path)[-1][0] == saved
    interrupted = f"batch {saved} is saved" in capsys.readouterr().out
    assert interrupted == (error is KeyboardInterrupt)
    model, losses = train(tmp_path)
    assert sorted(losses) == [*range(saved + 1, 11)]
    same_losses(losses, unbroken[2])
    same_weights(model, unbroken[1])
    found, expected = (callbacks.read_history(folder) for folder in (tmp_path, unbroken[0]))
    assert {n: [*found[n][0]] for n in found} == {n: [*expected[n][0]] for n in expected}


def test_songs_that_the_discriminator_cannot_read_are_refused(tmp_path):
    waltzes = toy_songs(3)
    waltzes.table["metre"][:] = "3/4"
    with pytest.raises(ValueError, match="no song is in 4/4"):
        training.train(waltzes, tmp_path, BRIEF, progress=False)
    assert not list(tmp_path.iterdir())


def test_samples_are_written_seen_and_heard_and_trouble_is_said_once(unbroken, tmp_path, capsys):
    sampler = callbacks.SampleWriter(tmp_path)
    sampler.set_model(unbroken[1])
    for number in (10, 20):
        sampler.write(number, {"d_loss": 0.0})
    said, samples = capsys.readouterr().out, callbacks.read_samples(tmp_path)
    assert "batch 10: " in said and "batch 20" not in said
    assert samples[10].tolist() == samples[20].tolist()  # of one latent
    callbacks.TensorBoardWriter(tmp_path, sampler, every=1).write(10, {"d_loss": 0.5})
    events = EventAccumulator(str(tmp_path / "logs")).Reload()
    assert {"d_loss", "sample", "sample_duration"} <= set(events.Tags()["tensors"])
    assert events.Tensors("d_loss")[0].step == 10
    (entry,) = events.Tensors("sample_sound")
    sound, rate = tf.audio.decode_wav(tf.make_ndarray(entry.tensor_proto)[0, 0])
    assert rate >= 22050 and np.abs(sound).max() > 0.05


SHARED = """
import sys
import tensorflow as tf
from fixtures_learning import BRIEF
from lstmgan_utils import training
from toy_tunes import toy_songs

device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = training.train(toy_songs(4), sys.argv[1], BRIEF, until=6, every=3, progress=False)
for variable in model.generator.trainable_variables + model.ema.trainable_variables:
    first, second = (copy.numpy() for copy in variable.value.values)
    assert (first == second).all(), variable.path
assert len({str(copy.device) for copy in variable.value.values}) == 2
"""


def test_two_devices_share_a_batch_and_stay_the_same(unbroken, tmp_path):
    paths = os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
    command = [sys.executable, "-c", SHARED, str(tmp_path)]
    ended = subprocess.run(command, env=paths, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    shared = callbacks.read_history(tmp_path)["cross_entropy"][1]
    alone = [unbroken[2][number]["cross_entropy"] for number in (3, 6)]
    assert [*shared] == pytest.approx(alone, rel=0.1)  # other random numbers, the same music
    model = gan.load_training(tmp_path)  # on one device
    assert int(model.n_batches) == 6 and len(train(tmp_path, until=7)[1]) == 1


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, monkeypatch):
    three = types.SimpleNamespace(num_replicas_in_sync=3)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: three)
    with pytest.raises(ValueError, match="batch of 4 .* 3 devices; choose a batch_size"):
        train(tmp_path)


def test_a_folder_with_another_run_is_refused(unbroken):
    folder = unbroken[0]
    with pytest.raises(ValueError, match="unbroken.*other settings.*another folder"):
        train(folder, config=dataclasses.replace(BRIEF, seed=1))
    with pytest.raises(ValueError, match="other settings or songs"):
        training.train(toy_songs(3), folder, BRIEF, progress=False)


def test_the_pairs_that_a_beat_needs_are_found_in_the_songs(tmp_path):
    config = dataclasses.replace(BRIEF, max_pairs=None)
    for _ in range(2):  # the run that is taken up is the same
        model, _ = train(tmp_path, config=config, until=0)
        assert model.config == dataclasses.replace(BRIEF, max_pairs=2)  # two eighths


def test_a_new_run_can_go_on_from_trained_weights(unbroken, tmp_path):
    start = unbroken[1].ema
    config = dataclasses.replace(BRIEF, units=99, seed=5)
    model, _ = train(tmp_path, config=config, start=start, until=0)
    assert model.config.units == start.config.units and model.vocabulary is start.vocabulary
    for network in (model.generator, model.ema):
        same_weights(network, start)
    # One tune alone has the pattern of one of its 256 beats: three must, for it to be learned.
    assert runs.read_facts(tmp_path)["exact_beats"] == 255 / 256


def test_an_unknown_preset_is_named_and_the_first_try_has_no_run_folder():
    for name, words in (("huge", "'huge'.*laptop"), ("first_try", "lesson 05")):
        with pytest.raises(ValueError, match=words):
            training.train(toy_songs(1), "nowhere", name)


class Poison(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.n_batches) == 5:
            weight = self.model.generator.pitch_embedding
            weight.assign(weight * np.nan)


def test_a_loss_that_is_no_number_stops_with_the_last_good_save(tmp_path):
    with pytest.raises(FloatingPointError, match="batch 6.*step_00000[34].*learning rates"):
        train(tmp_path, extra=[Poison()])
    assert runs.saves(tmp_path)[-1][0] < 5
    for array in gan.load_training(tmp_path).get_weights():
        assert np.isfinite(array).all()


def test_weights_that_are_no_numbers_are_not_saved(unbroken, tmp_path):
    model = gan.load_training(unbroken[0])  # a gradient can overflow where the loss is finite
    model.generator.to_pitch.bias.assign(model.generator.to_pitch.bias * np.nan)
    saver = callbacks.Saver(tmp_path, every=1)
    saver.set_model(model)
    with pytest.raises(FloatingPointError):
        saver.on_train_batch_end(0, {"d_loss": 0.7})
    assert runs.saves(tmp_path) == []


@pytest.mark.parametrize(
    "rows, logs, words",
    [
        ([], {}, "silent"),
        ([(0, 24, 60), (24, 24, 60)], {}, "single pitch"),
        ([(0, 385, 60), (0, 24, 62)], {}, "more than four measures"),
        ([(96 * i + k, 24, 60 + k) for i in range(8) for k in range(4)], {}, "repeated for ever"),
        ([(0, 24, 60), (24, 24, 62)], {"d_loss": 0.01}, "discriminator wins"),
        ([(0, 24, 60), (24, 24, 62)], {"d_loss": 0.5}, "^$"),
        ([(0, 384, 60), (384, 24, 62)], {"cross_entropy": 0.01}, "^$"),
    ],
)
def test_trouble_is_said_in_words(rows, logs, words):
    assert re.search(words, callbacks.diagnose(note_array(rows), 8 * 96, logs))
