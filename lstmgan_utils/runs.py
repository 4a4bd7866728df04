"""The run folder: settings, vocabulary and saves of a training run, written whole or not at all."""

import dataclasses
import json
import re
from pathlib import Path

from . import runtime
from .config import Config
from .vocabulary import Vocabulary

NEWEST = 3  # saves that are always kept; of the older ones, those at 10, 20, 40, 80, … batches


def write_config(folder, config, vocabulary=None, **facts):
    """Write config.json: settings, vocabulary, versions and facts such as data_hash="…"."""
    content = {"config": dataclasses.asdict(config), "versions": runtime.versions(), **facts}
    if vocabulary is not None:
        content["patterns"] = vocabulary.numbers.tolist()
        content["durations"] = vocabulary.durations.tolist()
    with runtime.atomic_path(Path(folder) / "config.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


def read_facts(folder):
    """Read config.json as a dict; raises as `read_config` does."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no config.json; give the folder of a training run")
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); start a run in a new folder") from error


def read_config(folder):
    """Read what `write_config` wrote: (Config, Vocabulary or None).

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: it is damaged, or holds settings that this version does not know.
    """
    facts = read_facts(folder)
    try:
        config = Config(**facts["config"])
        if config.model == "first_try":
            return config, None
        return config, Vocabulary(facts["patterns"], facts["durations"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        path, cure = Path(folder) / "config.json", "start a run in a new folder"
        raise ValueError(f"{path} does not fit this version ({error}); {cure}") from error


def write_weights(model, path):
    """Save all weights (of a GAN: both networks, the average, the optimizers) under one name."""
    with runtime.atomic_path(path) as temporary:
        model.save_weights(temporary, overwrite=True)


def read_weights(model, path):
    """Load what `write_weights` saved; ValueError where it is damaged or of other settings."""
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} does not fit this configuration or is damaged ({str(error)[:200]}); "
            "load it with the config.json it was saved with, or start a run in a new folder"
        ) from error


def saves(folder):
    """List the saves of a run folder, oldest first: (batch number, Path)."""
    files = (Path(folder) / "weights").glob("step_*.weights.h5")
    matches = [(re.fullmatch(r"step_(\d+)\.weights\.h5", path.name), path) for path in files]
    return sorted((int(match[1]), path) for match, path in matches if match)


def thin_out(folder):
    """Delete old saves but the newest three and a spaced history (10, 20, 40, 80, … batches)."""
    for number, path in saves(folder)[:-NEWEST]:
        tens = number // 10
        if number % 10 or tens & (tens - 1):
            path.unlink()
