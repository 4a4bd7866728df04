"""A whole training run from songs to weights: both phases, resumable at any batch."""

import dataclasses
from pathlib import Path

import tensorflow as tf

from . import callbacks, gan, runs, runtime, windows
from .config import PRESETS
from .vocabulary import exact_share, learn_vocabulary

# What a generator that goes on from another must share with it.
NETWORK = ("n_patterns", "max_pairs", "embedding", "units", "pitch_units", "copying", "rhythms",
           "harmonies", "repeat_flags", "intervals")  # fmt: skip


def train(
    songs, run_folder, config="laptop", *, start=None, until=None, every=10, extra=(), progress=True
):
    """Train in a run folder, from its last save if there is one.

    Stop it at any time (Interrupt in Jupyter); calling it again goes on. Batches, random numbers
    and saves depend on the seed and the batch number alone, so that an interrupted run and an
    unbroken one see the same data. For several GPUs, call it inside the `scope()` of a
    `tf.distribute.MirroredStrategy`.

    Args:
        songs: Songs to learn from, such as the training side of a split.
        run_folder: str or Path, such as outputs/runs/mine.
        config: Config, or the name of a preset.
        start: Generator to go on from (fine-tuning), such as `load_pretrained("piano")`: a new run
            takes over its vocabulary, its sizes and its weights. None begins from nothing.
        until: int, batch number to stop at; None for the whole run.
        every: int, batches between samples, saves and log entries.
        extra: further Keras callbacks.
        progress: bool, show a progress bar.

    Returns:
        LSTMGAN.

    Raises:
        ValueError: the folder holds a run of other settings or other songs; an unknown preset; a
            batch that cannot be shared evenly among the devices; no song in 4/4, 2/4 or 2/2.

    Introduced in lesson 08.
    """
    config, folder = _complete(config, start), Path(run_folder)
    runtime.set_seed(config.seed)
    model, tunes = _open(songs, folder, config, start)
    total = config.pretraining_steps + config.adversarial_steps
    until = total if until is None else min(until, total)
    sampler = callbacks.SampleWriter(folder, every)
    board = callbacks.TensorBoardWriter(folder, sampler, every)
    saver = callbacks.Saver(folder, every)  # after those: what a save's batch has to leave is there
    try:
        _fit(model, tunes, until, [sampler, board, saver, *extra], progress)
    except KeyboardInterrupt:  # somewhere in a batch
        if int(model.n_batches.numpy()) % every:  # else what is due at it may be missing: repeat it
            saver.save()
        number = max(runs.saves(folder), default=(0,))[0]
        print(f"stopped; batch {number} is saved; call train again to go on")
    return model


def _complete(config, start):
    """Return settings with their sizes; a preset by its name, sizes from `start`."""
    if isinstance(config, str):
        if config not in PRESETS:
            raise ValueError(f"preset {config!r} is unknown; choose from {sorted(PRESETS)}")
        config = PRESETS[config]
    if config.model == "first_try":
        raise ValueError("a run folder is for the LSTM-GAN; fit the first try as lesson 05 does")
    n_devices = tf.distribute.get_strategy().num_replicas_in_sync
    if config.batch_size % n_devices:
        raise ValueError(
            f"a batch of {config.batch_size} cannot be shared evenly among {n_devices} devices; "
            "choose a batch_size that can"
        )
    sizes = {name: getattr(start.config, name) for name in NETWORK} if start else {}
    return dataclasses.replace(config, **sizes)


def _open(songs, folder, config, start):
    """Start a run, or load it where the folder holds one of these settings and songs."""
    tunes = windows.prepare(songs)
    if not any(tune.metre == "4/4" for tune in tunes):
        raise ValueError(
            "the discriminator reads 4/4, and no song is in 4/4, 2/4 or 2/2; add some that are"
        )
    if (folder / "config.json").is_file():
        _check_same(songs, folder, config)
        if runs.saves(folder):
            return gan.load_training(folder), tunes
    pieces = [tune.notes for tune in tunes]
    vocabulary = start.vocabulary if start else learn_vocabulary(pieces, config.n_patterns)
    pairs = config.max_pairs or windows.pairs_needed(tunes, vocabulary)
    config = dataclasses.replace(config, max_pairs=pairs)
    model = gan.LSTMGAN(config, vocabulary)
    model.compile()
    if start is not None:
        for network in (model.generator, model.ema):
            network.set_weights(start.get_weights())
    facts = {"data_hash": songs.hash, "n_tunes": len(tunes)}
    exact = exact_share(pieces, vocabulary)  # warns where they are few
    runs.write_config(folder, config, vocabulary, exact_beats=exact, **facts)
    return model, tunes


def _check_same(songs, folder, config):
    """Raise a ValueError unless the folder's run has these settings and songs."""
    found, _ = runs.read_config(folder)
    if config.max_pairs is None:  # it was found from the songs
        config = dataclasses.replace(config, max_pairs=found.max_pairs)
    if found != config or runs.read_facts(folder).get("data_hash") != songs.hash:
        raise ValueError(
            f"{folder} holds a run with other settings or songs; choose another folder, or "
            "delete that one to start anew"
        )


def _fit(model, tunes, until, watching, progress):
    """Run the phases, each to its end or to batch `until`."""
    config = model.config
    while (number := int(model.n_batches.numpy())) < until:
        phase = model.phase_of(number)
        model.enter(phase)
        stop = min(until, config.pretraining_steps) if phase == gan.PRETRAINING else until
        data = windows.training_batches(tunes, model.vocabulary, config, number)
        how = {"callbacks": watching, "shuffle": False, "verbose": int(progress)}
        model.fit(data, steps_per_epoch=stop - number, **how)
        if int(model.n_batches.numpy()) < stop:
            break  # a callback asked to stop
