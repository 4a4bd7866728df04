"""A whole training run from songs to weights: both phases, resumable at any batch."""

import contextlib
import dataclasses
import warnings
from pathlib import Path

from . import callbacks, gan, runs, runtime, windows
from .config import PRESETS
from .pianoroll import STEPS_PER_MEASURE
from .vocabulary import exact_share, learn_vocabulary

# What a generator that goes on from another must share with it.
NETWORK = ("n_patterns", "max_pairs", "embedding", "units", "pitch_units", "copying",
           "repeat_flags", "intervals")  # fmt: skip


def train(
    songs,
    run_folder,
    config="laptop",
    *,
    start=None,
    until=None,
    every=10,
    extra=(),
    strategy=None,
    progress=True,
):
    """Train in a run folder, from its last save if there is one.

    Stop it at any time (Interrupt in Jupyter); calling it again goes on. Batches, random numbers
    and saves depend on the seed and the batch number alone, so that an interrupted run and an
    unbroken one see the same data.

    Args:
        songs: Songs to learn from, such as the training side of a split.
        run_folder: str or Path, such as outputs/runs/mine.
        config: Config, or the name of a preset.
        start: Generator to go on from (fine-tuning), such as `load_pretrained("piano")`: a new run
            takes over its vocabulary, its sizes and its weights. None begins from nothing.
        until: int, batch number to stop at; None for the whole run.
        every: int, batches between samples, saves and log entries.
        extra: further Keras callbacks.
        strategy: tf.distribute.Strategy that shares each batch among devices, such as
            `tf.distribute.MirroredStrategy()` for all GPUs; None for one device.
        progress: bool, show a progress bar.

    Returns:
        LSTMGAN.

    Raises:
        ValueError: the folder holds a run of other settings or other songs; an unknown preset; a
            batch that cannot be shared evenly among the devices; no song in 4/4, 2/4 or 2/2.

    Introduced in lesson 08.
    """
    config = _preset(config) if isinstance(config, str) else config
    if start is not None:
        sizes = {name: getattr(start.config, name) for name in NETWORK}
        config = dataclasses.replace(config, **sizes)
    runtime.set_seed(config.seed)
    tunes = windows.prepare(songs)
    if not any(tune.metre == "4/4" for tune in tunes):
        raise ValueError(
            "the discriminator reads 4/4, and no song is in 4/4, 2/4 or 2/2; add some that are"
        )
    with _scope(strategy, config):
        model = _open(songs, tunes, Path(run_folder), config, start)
    total = config.pretraining_steps + config.adversarial_steps
    until = total if until is None else min(until, total)
    sampler = callbacks.SampleWriter(run_folder, every)
    saver = callbacks.Saver(run_folder, every)
    watching = [
        sampler,
        saver,
        callbacks.History(run_folder, every),
        callbacks.TensorBoardWriter(run_folder, sampler, every),
        callbacks.Progress(until, progress),
        *extra,
    ]
    try:
        _fit(model, tunes, until, watching)
    except KeyboardInterrupt:  # fit leaves its callbacks as they are
        saver.set_model(model)
        saver.on_train_end()
        print(f"stopped at batch {int(model.n_batches.numpy())}; call train again to go on")
    return model


def _preset(name):
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is unknown; choose from {sorted(PRESETS)}")
    return PRESETS[name]


def _scope(strategy, config):
    """Give the context in which a model is built for one device or several."""
    if strategy is None:
        return contextlib.nullcontext()
    if config.batch_size % strategy.num_replicas_in_sync:
        raise ValueError(
            f"a batch of {config.batch_size} cannot be shared evenly among "
            f"{strategy.num_replicas_in_sync} devices; choose a batch_size that can"
        )
    return strategy.scope()


def _open(songs, tunes, folder, config, start=None):
    """Start a run, or load it where the folder holds one of these settings and songs."""
    if (folder / "config.json").is_file():
        found = runs.read_facts(folder)
        asked = runs.plain(config)
        if asked["max_pairs"] is None:  # it was found from the songs
            asked["max_pairs"] = found["config"].get("max_pairs")
        if found["config"] != asked or found.get("data_hash") != songs.hash:
            raise ValueError(
                f"{folder} holds a run with other settings or songs; choose another folder, or "
                "delete that one to start anew"
            )
        if runs.saves(folder):
            return gan.load_training(folder)
    vocabulary, facts = None, {"data_hash": songs.hash, "n_tunes": len(tunes)}
    if config.model == "lstmgan":
        pieces = [tune.notes for tune in tunes]
        vocabulary = start.vocabulary if start else learn_vocabulary(pieces, config.n_patterns)
        facts["exact_beats"] = exact_share(pieces, vocabulary)  # warns where they are few
        pairs = config.max_pairs or windows.pairs_needed(tunes, vocabulary)
        config = dataclasses.replace(config, max_pairs=pairs)
    model = gan.LSTMGAN(config, vocabulary)
    model.compile()
    if start is not None:
        for network in (model.generator, model.ema):
            network.set_weights(start.get_weights())
    runs.write_config(folder, config, vocabulary, **facts)
    return model


def _fit(model, tunes, until, watching):
    """Run the phases, each to its end or to batch `until`."""
    config = model.config
    while (number := int(model.n_batches.numpy())) < until:
        phase = model.phase_of(number)
        model.enter(phase)
        stop = min(until, config.pretraining_steps) if phase == gan.PRETRAINING else until
        if model.vocabulary is None:
            length = config.measures * STEPS_PER_MEASURE
            data = windows.roll_batches(
                tunes, length, config.batch_size, seed=config.seed, first=number
            )
        else:
            data = windows.training_batches(tunes, model.vocabulary, config, number)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*shuffle=True.*")
            model.fit(data, steps_per_epoch=stop - number, callbacks=watching, verbose=0)
        if int(model.n_batches.numpy()) < stop:
            break  # a callback asked to stop
