"""The discriminator: a softmax over two classes that hears every cell and strides over time."""

import dataclasses

import keras
import numpy as np
from fixtures_learning import TINY

from lstmgan_utils.config import PRESETS
from lstmgan_utils.discriminator import STRIDES, MeasureSimilarity, build_discriminator


def test_it_strides_and_never_pools():
    model = build_discriminator(dataclasses.replace(PRESETS["laptop"], measures=8))
    strided = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]
    assert [layer.strides for layer in strided] == [(s,) for s in STRIDES]
    assert [layer.output.shape[1] for layer in strided] == [128, 32, 8, 4]  # 8 measures
    assert not any("Pool" in type(layer).__name__ for layer in model.layers)


def test_it_is_told_how_alike_measures_are():
    rolls = np.zeros((1, 3 * 96, 128), "float32")
    rolls[0, :3, 60] = rolls[0, 192:195, 60] = 1  # the first and the third of three measures
    rolls[0, 96:105, 64] = rolls[0, 96, 67] = 1
    rolls[0, 96, 60] = 1  # shares one cell with either
    pairs = MeasureSimilarity()(rolls).numpy()[0]  # first and second, first and third, and so on
    shared = 1 / np.sqrt((3 + 1) * (11 + 1))
    assert np.allclose(pairs, [shared, 3 / 4, shared])


def test_every_beat_and_every_pitch_can_change_its_mind():
    model = build_discriminator(TINY)
    rolls = np.zeros((1 + 8 + 128, 192, 128), "float32")
    rolls[np.arange(1, 9), 24 * np.arange(8) + 3, 60] = 1
    rolls[np.arange(9, 137), 100, np.arange(128)] = 1
    logits = keras.Model(model.input, model.get_layer("logits").output)(rolls).numpy()
    assert (np.abs(logits[1:] - logits[0]).max(axis=1) > 0).all()
    assert np.allclose(model(rolls).numpy().sum(axis=1), 1, atol=1e-6)  # a softmax
