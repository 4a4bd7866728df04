"""From random values to music: seeds, blends, lengths; shipped weights and run folders.

A *latent* holds 24 random values a beat, as many as time steps: 19,200 for 200 measures of 4/4.
Two of them choose a (pitch, pattern) pair, from the lowest pitch up.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import audio, pianoroll
from .config import LATENT_SIZE
from .plotting import roll_png
from .runtime import atomic_path
from .vocabulary import BEATS_PER_MEASURE, WEIGHTS

BEATS_AT_ONCE = 3200  # of all pieces together: more take no less time a beat


def draw_latent(seed, measures=8, metre="4/4"):
    """Draw the random values of a piece: float32, shape (beats, 24), standard normal.

    A longer piece begins with those of a shorter one of the same seed. Raises ValueError for a
    metre other than 4/4, 3/4 and 6/8, or a length outside 1 to 19,200 steps (200 measures of 4/4).
    Introduced in lesson 09.
    """
    if metre not in BEATS_PER_MEASURE:
        raise ValueError(f"metre {metre!r} was not learned; choose from {list(BEATS_PER_MEASURE)}")
    most = pianoroll.MAX_STEPS // pianoroll.steps_of(metre)
    if not 1 <= measures <= most:
        raise ValueError(f"{measures} measures of {metre} are not 1 to {most}")
    shape = (measures * BEATS_PER_MEASURE[metre], LATENT_SIZE)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def blend(latent_a, latent_b, amount):
    """Mix two latents, shape (beats, 24), along a quarter circle: standard normal as both are.

    `amount` is a float or an array that broadcasts, 0 for a, 1 for b. Introduced in lesson 09.
    """
    angle = np.asarray(amount) * np.pi / 2
    return (np.cos(angle) * latent_a + np.sin(angle) * latent_b).astype(np.float32)


def morph(latent_a, latent_b, amount, beats_per_measure=4, width=2):
    """Mix two latents, shape (beats, 24), measure by measure, from the last to the first.

    A choice changes all that follow it, since the generator reads what it has chosen. Here a
    measure is mixed only when those behind it are the other piece's already (but for `width`
    measures, which turn together), so that what stands before keeps standing. `amount` is 0 for
    a, 1 for b. Introduced in lesson 09.
    """
    n_measures = -(-len(latent_a) // beats_per_measure)
    behind = n_measures - 1 - np.arange(len(latent_a)) // beats_per_measure
    turned = (amount * (n_measures + width - 1) - behind) / width
    return blend(latent_a, latent_b, np.clip(turned, 0, 1)[:, None])


def sample(generator, seed=0, measures=8, *, latent=None, metre="4/4", temperature=1.0,
           transpose=0, ending=True):  # fmt: skip
    """Sample one piece from a generator: note array.

    Args:
        generator: from `load_pretrained`, `load_run` or `build_generator`.
        seed: int; the same seed writes the same piece.
        measures: int, 1 to 200 of 4/4.
        latent: float ndarray, shape (beats, 24); None to draw it from the seed.
        metre: str, "4/4", "3/4" or "6/8".
        temperature: float, 0 for the likeliest choices, 1 as trained.
        transpose: int, semitones; the generator writes in the key without sharps or flats.
        ending: bool, True for a piece that comes to its end, False for an excerpt.

    Introduced in lesson 09.
    """
    latent = draw_latent(seed, measures, metre) if latent is None else latent
    notes = sample_latents(generator, latent[None], metre, temperature, ending)[0]
    return pianoroll.transpose(notes, transpose)


def sample_many(generator, seeds, measures=8, *, metre="4/4", temperature=1.0, ending=True):
    """Sample one piece a seed, many at a time: list of note arrays; arguments as for `sample`.

    Introduced in lesson 09.
    """
    latents, pieces = [draw_latent(seed, measures, metre) for seed in seeds], []
    at_once = max(1, BEATS_AT_ONCE // len(latents[0])) if latents else 1
    for first in range(0, len(latents), at_once):
        batch = np.stack(latents[first : first + at_once])
        pieces += sample_latents(generator, batch, metre, temperature, ending)
    return pieces


def sample_latents(generator, latents, metre="4/4", temperature=1.0, ending=True):
    """Sample the pieces of latents, shape (batch, beats, 24): list of note arrays."""
    if not hasattr(generator, "vocabulary"):  # the first try gives cells, not tokens
        return [pianoroll.decode(np.asarray(roll)) for roll in generator(latents)]
    tokens = generator.generate(latents, metre, temperature, ending).numpy()
    vocabulary = generator.vocabulary
    return [vocabulary.known_durations(vocabulary.detokenize(piece)) for piece in tokens]


def load_pretrained(name="folk"):
    """Load a Generator with weights that ship with the package, a folder of its `weights`.

    Raises ValueError where none has that name. Introduced in lesson 00.
    """
    from .generator import build_generator
    from .runs import read_config, read_weights

    names = sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))
    if name not in names:
        raise ValueError(f"no weights named {name!r}; choose from {names} or give a run folder")
    generator = build_generator(*read_config(WEIGHTS / name))
    read_weights(generator, WEIGHTS / name / "generator.weights.h5")
    return generator


def load_run(run_folder):
    """Load the Generator of a training run, its averaged weights as last saved.

    Raises FileNotFoundError where the folder holds no run. Introduced in lesson 09.
    """
    from .gan import load_training

    return load_training(run_folder).ema


@dataclass(frozen=True)
class Settings:
    """Everything that decides how a sample sounds; two equal records give the same music.

    Introduced in lesson 09.
    """

    seed: int = 0
    measures: int = 8
    other_seed: int = 1
    amount: float = 0.0  # of the other seed: 0 none of it, 1 nothing else
    temperature: float = 1.0
    transpose: int = 0  # semitones
    tempo: int = 120  # beats a minute
    program: int = 0  # General MIDI
    metre: str = "4/4"
    weights: str = "folk"


def latent_of(settings):
    """Return the latent of settings: float32, shape (beats, 24). Introduced in lesson 09."""
    latent = draw_latent(settings.seed, settings.measures, settings.metre)
    if not settings.amount:
        return latent
    other = draw_latent(settings.other_seed, settings.measures, settings.metre)
    return morph(latent, other, settings.amount, BEATS_PER_MEASURE[settings.metre])


def sample_with(generator, settings):
    """Sample the piece, a note array, that settings describe. Introduced in lesson 09."""
    how = {name: getattr(settings, name) for name in ("metre", "temperature", "transpose")}
    return sample(generator, latent=latent_of(settings), **how)


def file_stem(settings):
    """Return a file name, such as "seed_0003_8_measures": what is not the default is in it.

    Introduced in lesson 09.
    """
    s = settings
    parts = {
        f"seed_{s.seed:04d}": True,
        f"blend_{s.amount:.3f}_of_{s.other_seed:04d}": s.amount,
        f"temperature_{s.temperature:.2f}": s.temperature != 1,
        f"key_{s.transpose:+d}": s.transpose,
        f"in_{s.metre.replace('/', '_')}": s.metre != Settings.metre,
        Path(s.weights).name: s.weights != Settings.weights,
        f"{s.measures}_measures": True,
    }
    return "_".join(part for part, is_said in parts.items() if is_said)


def export_sample(notes, settings, folder):
    """Write a sample as MIDI, score, sound and picture, named by its Settings: list of Path.

    The folder is made if needed. Raises ValueError where there are no notes.
    Introduced in lesson 09.
    """
    if not len(notes):
        raise ValueError("a silent sample has nothing to export; raise the temperature or the seed")
    path = Path(folder) / file_stem(settings)
    sound = next(form for form in ("mp3", "ogg", "wav") if form in audio.available_forms())
    how = {"tempo": settings.tempo, "program": settings.program}
    pianoroll.write_midi(notes, f"{path}.mid", **how)
    pianoroll.write_score(notes, f"{path}.mxl", **how, metre=settings.metre)
    audio.write_audio(notes, f"{path}.{sound}", **how)
    write_picture(notes, f"{path}.png", path.name)
    return [Path(f"{path}.{suffix}") for suffix in ("mid", "mxl", sound, "png")]


def write_picture(notes, path, title=""):
    """Write the piano roll of a note array as a PNG file. Introduced in lesson 09."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(roll_png(notes, title))
