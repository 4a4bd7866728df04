"""From random values to music with the generator of pairs: playing, blends, files of weights.

(What `sampling` does for the generator of words; the two become one.)
"""

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np

from . import runtime
from .config import PairConfig
from .pair_generator import PairGenerator
from .sampling import blend, draw_latent
from .tokens import Vocabulary

BEATS_AT_ONCE = 3200
PAIR_WEIGHTS = Path(__file__).parent / "weights_pairs"


def sample_many(generator, seeds, measures=8, *, metre="4/4", temperature=1.0, ending=True):
    """Let a generator write one piece a seed: list of note arrays."""
    latents = [draw_latent(seed, measures, metre) for seed in seeds]
    return play_latents(generator, latents, metre, temperature, ending)


def play_latents(generator, latents, metre="4/4", temperature=1.0, ending=True):
    """Turn latents, shape (batch, beats, 24), into note arrays."""
    pieces, size = [], max(1, BEATS_AT_ONCE // len(latents[0])) if len(latents) else 1
    for first in range(0, len(latents), size):
        lot = np.stack(latents[first : first + size])
        played = generator.play(lot, metre, temperature, ending).numpy()
        words = generator.vocabulary
        pieces += [words.tidy(words.detokenize(tokens)) for tokens in played]
    return pieces


def morph(latent_a, latent_b, amount, beats_per_measure=4, width=2):
    """Mix two latents measure by measure, from the last to the first.

    What a generator plays depends on what it has played, so that a change in one measure changes
    all that follow. Here a measure is mixed only when those behind it are another piece's already
    (but for `width` measures, which turn together), so that what stands before keeps standing.

    Args:
        latent_a, latent_b: float ndarrays, shape (beats, 24).
        amount: float, 0 for a, 1 for b.
        beats_per_measure: int.
        width: float, measures that turn at a time.

    Returns:
        float32 ndarray, shape (beats, 24), standard normal like both.

    Introduced in lesson 07.
    """
    n_measures = -(-len(latent_a) // beats_per_measure)
    behind = n_measures - 1 - np.arange(len(latent_a)) // beats_per_measure
    turned = (amount * (n_measures + width - 1) - behind) / width
    return blend(latent_a, latent_b, np.clip(turned, 0, 1)[:, None])


def save_generator(generator, folder):
    """Write config.json and generator.weights.h5, the weights as 16-bit floats.

    Returns:
        Path of the folder.
    """
    folder = Path(folder)
    facts = {
        "config": dataclasses.asdict(generator.config),
        "patterns": generator.vocabulary.numbers.tolist(),
        "durations": generator.vocabulary.durations.tolist(),
        "versions": runtime.versions(),
    }
    with runtime.atomic_path(folder / "config.json") as path:
        path.write_text(json.dumps(facts) + "\n")
    with runtime.atomic_path(folder / "generator.weights.h5") as path:
        generator.save_weights(path, overwrite=True)
        halve(path)
    return folder


def halve(path):
    """Rewrite the weights of a .weights.h5 file as 16-bit floats, which take half the room."""
    whole, half = Path(path), Path(path).with_suffix(".half")
    with h5py.File(whole) as source, h5py.File(half, "w") as target:

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                kind = np.float16 if item.dtype == np.float32 else item.dtype
                made = target.create_dataset(name, data=item[()].astype(kind))
            else:
                made = target.require_group(name)
            for key, value in item.attrs.items():
                made.attrs[key] = value

        for key, value in source.attrs.items():
            target.attrs[key] = value
        source.visititems(copy)
    half.replace(whole)


def load_generator(folder):
    """Load what `save_generator` wrote.

    Raises:
        FileNotFoundError, ValueError: the folder holds no such weights, or damaged ones.
    """
    from .runs import read_facts, read_weights

    facts = read_facts(folder)
    vocabulary = Vocabulary(facts["patterns"], facts["durations"])
    generator = PairGenerator(PairConfig(**facts["config"]), vocabulary)
    read_weights(generator, Path(folder) / "generator.weights.h5")
    return generator


def load_pretrained(name="folk"):
    """Load a generator with the weights that ship with the package."""
    return load_generator(PAIR_WEIGHTS / name)
