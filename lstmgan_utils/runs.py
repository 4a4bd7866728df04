"""The run folder: settings, vocabulary and saves of a training run, written whole or not at all."""

import json
import re
from pathlib import Path

from . import runtime
from .config import Config
from .vocabulary import Vocabulary

NEWEST = 3  # saves that are always kept; of the older ones, those at 10, 20, 40, 80, … batches


def write_config(folder, config, vocabulary=None, **facts):
    """Write config.json: settings, vocabulary, versions and facts.

    Args:
        folder: str or Path, created where it is missing.
        config: Config.
        vocabulary: Vocabulary or None.
        facts: what else to record, such as data_hash="…".
    """
    content = {"config": plain(config), "versions": runtime.versions(), **facts}
    if vocabulary is not None:
        content["patterns"] = vocabulary.numbers.tolist()
        content["durations"] = vocabulary.durations.tolist()
    with runtime.atomic_path(Path(folder) / "config.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


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
    facts = read_facts(folder)
    config = Config.from_json(json.dumps(facts["config"]))
    if config.model == "first_try":
        return config, None
    try:
        return config, Vocabulary(facts["patterns"], facts["durations"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        path = Path(folder) / "config.json"
        raise ValueError(f"{path} holds no vocabulary ({error}); start a new folder") from error


def write_weights(model, path):
    """Save all weights (of a GAN: both networks, the average, the optimizers) under one name."""
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
