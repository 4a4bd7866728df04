"""The run folder: settings, vocabulary and saves of a training run, written whole or not at all."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np

from . import runtime
from .config import Config
from .vocabulary import Vocabulary

NEWEST = 3  # saves that are always kept; of the older ones, those at 10, 20, 40, 80, … batches


def write_config(folder, config, vocabulary=None, **facts):
    """Write config.json and, for a vocabulary, vocabulary.npz.

    Args:
        folder: str or Path, created where it is missing.
        config: Config.
        vocabulary: Vocabulary or None.
        facts: what else to record, such as data_hash="…".
    """
    folder = Path(folder)
    with runtime.atomic_path(folder / "config.json") as path:
        content = {"config": plain(config), "versions": runtime.versions(), **facts}
        path.write_text(json.dumps(content, indent=1) + "\n")
    if vocabulary is not None:
        with runtime.atomic_path(folder / "vocabulary.npz") as path:
            np.savez_compressed(path, bits=np.packbits(vocabulary.tiles, axis=-1))


def plain(config):
    """Turn a Config into what JSON gives back for it, to compare."""
    return json.loads(config.to_json())


def read_facts(folder):
    """Read config.json as a dict.

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: it is damaged.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no config.json; give the folder of a training run")
    try:
        facts = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}); start a run in a new folder") from error
    if not isinstance(facts, dict) or "config" not in facts:
        raise ValueError(f"{path} holds no settings; start a run in a new folder")
    return facts


def read_config(folder):
    """Read what `write_config` wrote.

    Returns:
        (Config, Vocabulary or None).

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: a file is damaged.
    """
    config = Config.from_json(json.dumps(read_facts(folder)["config"]))
    words = Path(folder) / "vocabulary.npz"
    if not words.is_file():
        return config, None
    try:
        with np.load(words, allow_pickle=False) as file:
            return config, Vocabulary(np.unpackbits(file["bits"], axis=-1))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{words} is damaged ({error}); start a run in a new folder") from error


def write_weights(model, path):
    """Save all weights (for a GAN: both networks, the average, the optimizers) under one name."""
    with runtime.atomic_path(path) as temporary:
        model.save_weights(temporary, overwrite=True)


def read_weights(model, path):
    """Load what `write_weights` saved.

    Raises:
        ValueError: the file is damaged or belongs to another configuration.
    """
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} does not fit this configuration or is damaged ({str(error)[:200]}); "
            "load it with the config.json it was saved with, or start a run in a new folder"
        ) from error


def saves(folder):
    """List the saves of a run folder, oldest first.

    Returns:
        list of (batch number, Path).
    """
    found = [
        (int(match[1]), path)
        for path in (Path(folder) / "weights").glob("step_*.weights.h5")
        if (match := re.fullmatch(r"step_(\d+)\.weights\.h5", path.name))
    ]
    return sorted(found)


def thin_out(folder):
    """Delete old saves but the newest three and a spaced history (10, 20, 40, 80, … batches)."""
    for number, path in saves(folder)[:-NEWEST]:
        tens = number // 10
        if number % 10 or tens & (tens - 1):
            path.unlink()
