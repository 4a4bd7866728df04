"""The run folder: what is saved comes back, damage is named, few saves are kept."""

import dataclasses
import json

import numpy as np
import pytest
from fixtures_learning import TINY, tiny_vocabulary

from lstmgan_utils import gan, runs
from lstmgan_utils.config import PRESETS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Save an untrained GAN with weights that are no initial values: (model, folder)."""
    folder = tmp_path_factory.mktemp("runs") / "a"
    model = gan.LSTMGAN(TINY, tiny_vocabulary())
    model.compile()
    rng = np.random.default_rng(0)
    for variable in model.weights + model.g_optimizer.variables:
        if "float" in variable.dtype:
            variable.assign(rng.random(variable.shape))
    model.n_batches.assign(30)
    model.save_run(folder)
    return model, folder


def state(model):
    """List all that decides how training goes on: networks, average, count and optimizers."""
    optimizers = model.g_optimizer, model.d_optimizer, model.pretraining_optimizer
    return model.get_weights() + [v.numpy() for o in optimizers for v in o.variables]


def test_a_loaded_run_is_the_saved_one(run):
    model, folder = run
    loaded = gan.load_training(folder)
    assert loaded.config == model.config and int(loaded.n_batches) == 30
    with pytest.raises(FileNotFoundError, match=r"no such save; it has \[30\]"):
        gan.load_training(folder, 20)
    for name in ("patterns", "durations"):
        found, saved = getattr(loaded.vocabulary, name), getattr(model.vocabulary, name)
        assert np.array_equal(found, saved) and len(saved)
    for saved, found in zip(state(model), state(loaded), strict=True):
        assert np.array_equal(saved, found)
    latent = np.random.default_rng(1).standard_normal((2, 8, 24)).astype("float32")
    assert np.array_equal(loaded.generator.generate(latent), model.generator.generate(latent))
    rolls = np.random.default_rng(2).random((2, 192, 128)).astype("float32")
    assert np.array_equal(loaded.discriminator(rolls), model.discriminator(rolls))


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name} holds no config.json"):
        gan.load_training(tmp_path)
    runs.write_config(tmp_path, TINY, tiny_vocabulary())
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name} holds no such save"):
        gan.load_training(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 5000, -100])
def test_damaged_weights_are_named(run, tmp_path, keep):
    model, folder = run
    path = tmp_path / "step_000030.weights.h5"
    path.write_bytes((folder / "weights" / path.name).read_bytes()[:keep])
    with pytest.raises(ValueError, match="step_000030.*damaged.*new folder"):
        runs.read_weights(model, path)


def test_weights_of_another_configuration_are_refused(run):
    _, folder = run
    other = gan.LSTMGAN(dataclasses.replace(TINY, units=8), tiny_vocabulary())
    other.compile()
    with pytest.raises(ValueError, match="does not fit this configuration"):
        runs.read_weights(other, runs.saves(folder)[-1][1])


@pytest.mark.parametrize("content", [b"", b"{}", b"half", b"[]", b"7", b"\xff"])
def test_damaged_settings_are_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match="config.json"):
        runs.read_config(tmp_path)


@pytest.mark.parametrize("patterns", [None, [], [0], ["x"], "x", {}, [2**80]])
def test_a_damaged_vocabulary_is_named(tmp_path, patterns):
    runs.write_config(tmp_path, TINY, tiny_vocabulary())
    facts = runs.read_facts(tmp_path)
    assert facts["patterns"] == tiny_vocabulary().numbers.tolist()
    (tmp_path / "config.json").write_text(json.dumps(facts | {"patterns": patterns}))
    with pytest.raises(ValueError, match="config.json does not fit.*new folder"):
        runs.read_config(tmp_path)


def test_settings_survive_the_file_and_those_of_another_version_are_named(tmp_path):
    for config in PRESETS.values():
        runs.write_config(tmp_path, config, tiny_vocabulary(), data_hash="cafe")
        assert runs.read_config(tmp_path)[0] == config
    facts = runs.read_facts(tmp_path)
    assert facts["data_hash"] == "cafe" and facts["versions"]["numpy"] == np.__version__
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"penalty"', '"voices"'))
    with pytest.raises(ValueError, match="config.json does not fit.*'voices'.*new folder"):
        runs.read_config(tmp_path)


def test_unknown_choices_are_named():
    for name, value in (("model", "vae"), ("loss", "hinge")):
        with pytest.raises(ValueError, match=f"{name}='{value}'.*choose from"):
            dataclasses.replace(TINY, **{name: value})
    for pairs in (0, 13):
        with pytest.raises(ValueError, match=f"max_pairs={pairs} is not 1 to 12"):
            dataclasses.replace(TINY, max_pairs=pairs)


def test_the_newest_three_saves_and_a_spaced_history_are_kept(tmp_path):
    (tmp_path / "weights").mkdir()
    for number in range(10, 1010, 10):
        (tmp_path / "weights" / f"step_{number:06d}.weights.h5").touch()
        runs.thin_out(tmp_path)
    kept = [number for number, _ in runs.saves(tmp_path)]
    assert kept == [10, 20, 40, 80, 160, 320, 640, 980, 990, 1000]


def test_only_whole_saves_are_listed_and_in_order_of_their_numbers(tmp_path):
    (tmp_path / "weights").mkdir()
    for name in ("step_1000000", "step_999999", ".writing-abc", "step_x", "step_000010.weights.h5"):
        (tmp_path / "weights" / f"{name}.weights.h5").touch()
    assert [number for number, _ in runs.saves(tmp_path)] == [999_999, 1_000_000]
