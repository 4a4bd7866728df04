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

MAX_BEATS = pianoroll.MAX_STEPS // pianoroll.RESOLUTION
BEATS_AT_ONCE = 3200  # of all pieces together: more take no less time a beat


def draw_latent(seed, measures=8, metre="4/4"):
    """Draw the random values of a song; a longer song begins with those of a shorter one.

    Args:
        seed: int, 0 or more.
        measures: int, at most 19,200 time steps (200 measures of 4/4).
        metre: str, "4/4", "3/4" or "6/8".

    Returns:
        float32 ndarray, shape (beats, 24), standard normal.

    Raises:
        ValueError: an unknown metre, or a length outside 1 to 19,200 steps.

    Introduced in lesson 09.
    """
    if metre not in BEATS_PER_MEASURE:
        raise ValueError(f"metre {metre!r} was not learned; choose from {list(BEATS_PER_MEASURE)}")
    n_beats = measures * BEATS_PER_MEASURE[metre]
    if not 1 <= n_beats <= MAX_BEATS:
        most = MAX_BEATS // BEATS_PER_MEASURE[metre]
        raise ValueError(f"{measures} measures of {metre} are not 1 to {most}")
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_beats, LATENT_SIZE)).astype(np.float32)


def blend(latent_a, latent_b, amount):
    """Mix two latents along a quarter circle, so that the mixture is standard normal too.

    Args:
        latent_a, latent_b: float ndarrays, shape (beats, 24).
        amount: float or array that broadcasts, 0 for a, 1 for b.

    Returns:
        float32 ndarray, shape (beats, 24).

    Introduced in lesson 09.
    """
    angle = np.asarray(amount) * np.pi / 2
    return (np.cos(angle) * latent_a + np.sin(angle) * latent_b).astype(np.float32)


def morph(latent_a, latent_b, amount, beats_per_measure=4, width=2):
    """Mix two latents measure by measure, from the last measure to the first.

    A choice changes all that follow it, since the generator reads what it has chosen. Here a
    measure is mixed only when those behind it are the other piece's already (but for `width`
    measures, which turn together), so that what stands before keeps standing.

    Args:
        latent_a, latent_b: float ndarrays, shape (beats, 24).
        amount: float, 0 for a, 1 for b.
        beats_per_measure: int.
        width: float, measures that turn at a time.

    Returns:
        float32 ndarray, shape (beats, 24), standard normal as both are.

    Introduced in lesson 09.
    """
    n_measures = -(-len(latent_a) // beats_per_measure)
    behind = n_measures - 1 - np.arange(len(latent_a)) // beats_per_measure
    turned = (amount * (n_measures + width - 1) - behind) / width
    return blend(latent_a, latent_b, np.clip(turned, 0, 1)[:, None])


def sample(
    generator,
    seed=0,
    measures=8,
    *,
    latent=None,
    metre="4/4",
    temperature=1.0,
    transpose=0,
    ending=True,
):
    """Sample one piece from a generator.

    Args:
        generator: from `load_pretrained`, `load_run` or `build_generator`.
        seed: int; the same seed writes the same piece.
        measures: int, 1 to 200 of 4/4.
        latent: float ndarray, shape (beats, 24); None to draw it from the seed.
        metre: str, "4/4", "3/4" or "6/8".
        temperature: float, 0 for the likeliest choices, 1 as trained.
        transpose: int, semitones; the generator writes in the key without sharps or flats.
        ending: bool, True for a song that comes to its end, False for an excerpt.

    Returns:
        note array.

    Introduced in lesson 09.
    """
    latent = draw_latent(seed, measures, metre) if latent is None else latent
    notes = sample_latents(generator, latent[None], metre, temperature, ending)[0]
    return pianoroll.transpose(notes, transpose) if transpose else notes


def sample_many(generator, seeds, measures=8, *, metre="4/4", temperature=1.0, ending=True):
    """Sample one piece a seed: as `sample`, many at a time.

    Args:
        generator: as for `sample`.
        seeds: iterable of ints.
        measures, metre, temperature, ending: as for `sample`.

    Returns:
        list of note arrays.

    Introduced in lesson 09.
    """
    latents, pieces = [draw_latent(seed, measures, metre) for seed in seeds], []
    at_once = max(1, BEATS_AT_ONCE // len(latents[0])) if latents else 1
    for first in range(0, len(latents), at_once):
        batch = np.stack(latents[first : first + at_once])
        pieces += sample_latents(generator, batch, metre, temperature, ending)
    return pieces


def sample_latents(generator, latents, metre="4/4", temperature=1.0, ending=True):
    """Sample the pieces of a batch of latents.

    Args:
        generator: as for `sample`.
        latents: float ndarray, shape (batch, beats, 24).
        metre: str.
        temperature: float.
        ending: bool.

    Returns:
        list of note arrays.
    """
    if not hasattr(generator, "vocabulary"):  # the first try gives cells, not tokens
        return [pianoroll.decode(np.asarray(roll)) for roll in generator(latents)]
    tokens = generator.generate(latents, metre, temperature, ending).numpy()
    words = generator.vocabulary
    return [words.known_durations(words.detokenize(one)) for one in tokens]


def load_pretrained(name="folk"):
    """Load a generator with the weights that ship with the package.

    Args:
        name: str, a folder of `lstmgan_utils/weights`.

    Returns:
        Generator, ready for `sample`.

    Raises:
        ValueError: no weights of that name.

    Introduced in lesson 00.
    """
    names = sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))
    if name not in names:
        raise ValueError(f"no weights named {name!r}; choose from {names} or give a run folder")
    return load_generator(WEIGHTS / name)


def load_run(run_folder):
    """Load the generator of a training run, its averaged weights as last saved.

    Args:
        run_folder: a folder that training made, such as outputs/runs/lesson_08.

    Returns:
        Generator, ready for `sample`.

    Raises:
        FileNotFoundError: the folder holds no run.

    Introduced in lesson 09.
    """
    from .gan import load_training

    return load_training(run_folder).ema


def save_generator(generator, folder, **facts):
    """Write what `load_generator` needs: config.json, and the weights as 16-bit floats.

    Args:
        generator: Generator.
        folder: str or Path.
        facts: what else config.json records.

    Returns:
        Path of the folder.
    """
    import keras

    from .runs import write_config, write_weights

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float16")  # half the size; what it rounds off is not heard
    try:
        half = type(generator)(generator.config, generator.vocabulary)
    finally:
        keras.config.set_dtype_policy(policy)
    half.set_weights(generator.get_weights())
    write_config(folder, generator.config, generator.vocabulary, **facts)
    write_weights(half, Path(folder) / "generator.weights.h5")
    return Path(folder)


def load_generator(folder):
    """Build a generator from the config.json of a folder, with the weights beside it.

    Args:
        folder: str or Path that `save_generator` wrote.

    Returns:
        Generator.

    Raises:
        FileNotFoundError, ValueError: the folder holds no such weights, or damaged ones.
    """
    from .generator import build_generator
    from .runs import read_config, read_weights

    generator = build_generator(*read_config(folder))
    read_weights(generator, Path(folder) / "generator.weights.h5")
    return generator


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
    """Return the latent that the settings describe: float32 ndarray, shape (beats, 24).

    Introduced in lesson 09.
    """
    latent = draw_latent(settings.seed, settings.measures, settings.metre)
    if not settings.amount:
        return latent
    other = draw_latent(settings.other_seed, settings.measures, settings.metre)
    return morph(latent, other, settings.amount, BEATS_PER_MEASURE[settings.metre])


def sample_with(generator, settings):
    """Return the piece, a note array, that a generator writes with these settings.

    Introduced in lesson 09.
    """
    return sample(
        generator,
        latent=latent_of(settings),
        metre=settings.metre,
        temperature=settings.temperature,
        transpose=settings.transpose,
    )


def file_stem(settings):
    """Return a file name without suffix: the seed, then each setting that is not its default.

    Returns:
        str such as "seed_0003_8_measures".

    Introduced in lesson 09.
    """
    parts = [f"seed_{settings.seed:04d}"]
    if settings.amount:
        parts.append(f"blend_{settings.amount:.3f}_of_{settings.other_seed:04d}")
    if settings.temperature != 1:
        parts.append(f"temperature_{settings.temperature:.2f}")
    if settings.transpose:
        parts.append(f"key_{settings.transpose:+d}")
    if settings.metre != Settings.metre:
        parts.append(f"in_{settings.metre.replace('/', '_')}")
    if settings.weights != Settings.weights:
        parts.append(Path(settings.weights).name)
    return "_".join([*parts, f"{settings.measures}_measures"])


def export_sample(notes, settings, folder):
    """Write a sample as MIDI, score, sound and picture, all with the seed in the name.

    Introduced in lesson 09.

    Args:
        notes: note array.
        settings: Settings that it was sampled with.
        folder: where the files go; made if needed.

    Returns:
        list of Path: .mid, .mxl, a sound file, .png.

    Raises:
        ValueError: there are no notes to write.
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
    """Write the piano roll of a note array as a PNG file, whole or not at all.

    Introduced in lesson 09.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(roll_png(notes, title))
