"""From random values to music: seeds, blends, lengths; shipped weights and run folders.

A *latent* holds 24 random values a beat, one a time step: 19,200 for 200 measures of 4/4. Its
first row is the song latent, which the generator reads at every beat; the other rows are the
details.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import audio, pianoroll
from .config import LATENT_SIZE
from .plotting import roll_png
from .runtime import atomic_path
from .vocabulary import BEATS_PER_MEASURE

MAX_BEATS = pianoroll.MAX_STEPS // pianoroll.RESOLUTION
BEATS_AT_ONCE = 12_800  # the dice of that many beats fill 100 MB
WEIGHTS = Path(__file__).parent / "weights"


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

    Introduced in lesson 07.
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

    Introduced in lesson 07.
    """
    angle = np.asarray(amount) * np.pi / 2
    return (np.cos(angle) * latent_a + np.sin(angle) * latent_b).astype(np.float32)


def new_details(latent, seed):
    """Keep the song latent and draw all details anew.

    Introduced in lesson 07.
    """
    fresh = np.random.default_rng(seed).standard_normal(latent.shape).astype(np.float32)
    fresh[0] = latent[0]
    return fresh


def new_song(latent, seed):
    """Keep the details and draw the song latent anew.

    Introduced in lesson 07.
    """
    changed = latent.copy()
    changed[0] = np.random.default_rng(seed).standard_normal(LATENT_SIZE)
    return changed


def walk(latent_a, latent_b):
    """Walk from one song to another, beat by beat; the song latent is half of each.

    Introduced in lesson 07.
    """
    amounts = np.linspace(0, 1, len(latent_a))[:, None]
    amounts[0] = 0.5
    return blend(latent_a, latent_b, amounts)


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
    """Let a generator write one piece.

    Args:
        generator: from `load_pretrained`, `load_run` or `build_generator`.
        seed: int; the same seed writes the same piece.
        measures: int, 1 to 200 of 4/4.
        latent: float ndarray, shape (beats, 24); None to draw it from the seed.
        metre: str, "4/4", "3/4" or "6/8".
        temperature: float, 0 for the likeliest word at each beat, 1 as trained.
        transpose: int, semitones; the generator writes in the key without sharps or flats.
        ending: bool, True for a song that comes to its end, False for an excerpt.

    Returns:
        note array.

    Introduced in lesson 07.
    """
    latent = draw_latent(seed, measures, metre) if latent is None else latent
    notes = play_latents(generator, latent[None], metre, temperature, ending)[0]
    return pianoroll.transpose(notes, transpose) if transpose else notes


def sample_many(generator, seeds, measures=8, *, metre="4/4", temperature=1.0, ending=True):
    """Let a generator write one piece a seed; as `sample`, many at a time.

    Args:
        generator: as for `sample`.
        seeds: iterable of ints.
        measures, metre, temperature, ending: as for `sample`.

    Returns:
        list of note arrays.

    Introduced in lesson 07.
    """
    latents, pieces = [draw_latent(seed, measures, metre) for seed in seeds], []
    at_once = max(1, BEATS_AT_ONCE // len(latents[0])) if latents else 1
    for first in range(0, len(latents), at_once):
        batch = np.stack(latents[first : first + at_once])
        pieces += play_latents(generator, batch, metre, temperature, ending)
    return pieces


def play_latents(generator, latents, metre="4/4", temperature=1.0, ending=True):
    """Turn a batch of latents into note arrays.

    Args:
        generator: as for `sample`.
        latents: float ndarray, shape (batch, beats, 24).
        metre: str.
        temperature: float.
        ending: bool.

    Returns:
        list of note arrays.
    """
    if not hasattr(generator, "vocabulary"):  # the first try paints cells, not words
        return [pianoroll.decode(np.asarray(roll)) for roll in generator(latents)]
    words = generator.play_words(latents, metre, temperature, ending).numpy()
    return [pianoroll.decode(generator.vocabulary.paint(row)) for row in words]


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
    return load_generator(WEIGHTS / name, WEIGHTS / name / "generator.weights.h5")


def load_run(run_folder):
    """Load the generator of a training run, its averaged weights as last saved.

    Args:
        run_folder: a folder that training made, such as outputs/runs/lesson_06.

    Returns:
        Generator, ready for `sample`.

    Raises:
        FileNotFoundError: the folder holds no run.

    Introduced in lesson 07.
    """
    from .gan import load_training

    return load_training(run_folder).average


def save_generator(generator, folder):
    """Write what `load_generator` needs: config.json, vocabulary.npz, generator.weights.h5.

    Args:
        generator: Generator.
        folder: str or Path.

    Returns:
        Path of the folder.
    """
    from .runs import write_config, write_weights

    write_config(folder, generator.config, generator.vocabulary)
    write_weights(generator, Path(folder) / "generator.weights.h5")
    return Path(folder)


def load_generator(folder, weights):
    """Build a generator from the config.json and vocabulary.npz of a folder, with these weights.

    Args:
        folder: str or Path.
        weights: Path of a .weights.h5 file of a generator.

    Returns:
        Generator.
    """
    from .generator import build_generator
    from .runs import read_config, read_weights

    config, vocabulary = read_config(folder)
    generator = build_generator(config, vocabulary)
    read_weights(generator, weights)
    return generator


@dataclass(frozen=True)
class Settings:
    """Everything that decides how a take sounds; two equal records give the same music.

    Introduced in lesson 07.
    """

    seed: int = 0
    measures: int = 8
    other_seed: int = 1
    amount: float = 0.0  # of the other seed: 0 none of it, 1 nothing else
    walk: bool = False  # morph from one seed to the other, measure by measure
    local_latent: int | None = None  # seed of a new local latent under the same global latent
    global_latent: int | None = None  # seed of a new global latent over the same local latent
    temperature: float = 1.0
    transpose: int = 0  # semitones
    tempo: int = 120  # beats a minute
    program: int = 0  # General MIDI
    weights: str = "folk"


def latent_of(settings, metre="4/4"):
    """Return the latent that the settings describe: float32 ndarray, shape (beats, 24).

    Introduced in lesson 07.
    """
    latent = draw_latent(settings.seed, settings.measures, metre)
    other = draw_latent(settings.other_seed, settings.measures, metre)
    if settings.walk:
        latent = walk(latent, other)
    elif settings.amount:
        latent = blend(latent, other, settings.amount)
    if settings.local_latent is not None:
        latent = new_details(latent, settings.local_latent)
    if settings.global_latent is not None:
        latent = new_song(latent, settings.global_latent)
    return latent


def sample_take(generator, settings, metre="4/4"):
    """Return the piece, a note array, that a generator writes with these settings.

    Introduced in lesson 07.
    """
    how = {"temperature": settings.temperature, "transpose": settings.transpose}
    return sample(generator, latent=latent_of(settings, metre), metre=metre, **how)


def file_stem(settings):
    """Return a file name without suffix: the seed, then each setting that is not its default.

    Introduced in lesson 07.

    Returns:
        str such as "seed_0003_8_measures".
    """
    parts = [f"seed_{settings.seed:04d}"]
    if settings.walk:
        parts.append(f"walk_to_{settings.other_seed:04d}")
    elif settings.amount:
        parts.append(f"blend_{settings.amount:.3f}_of_{settings.other_seed:04d}")
    for name in ("local_latent", "global_latent"):
        if getattr(settings, name) is not None:
            parts.append(f"{name}_{getattr(settings, name)}")
    if settings.temperature != 1:
        parts.append(f"temperature_{settings.temperature:.2f}")
    if settings.transpose:
        parts.append(f"key_{settings.transpose:+d}")
    if settings.weights != Settings.weights:
        parts.append(Path(settings.weights).name)
    return "_".join([*parts, f"{settings.measures}_measures"])


def export_take(notes, settings, folder, metre="4/4"):
    """Write a take as MIDI, score, sound and picture, all with the seed in the name.

    Introduced in lesson 07.

    Args:
        notes: note array.
        settings: Settings that it was sampled with.
        folder: where the files go; made if needed.
        metre: such as "4/4".

    Returns:
        list of Path: .mid, .mxl, a sound file, .png.

    Raises:
        ValueError: there are no notes to write.
    """
    if not len(notes):
        raise ValueError("a silent take has nothing to export; raise the temperature or the seed")
    path = Path(folder) / file_stem(settings)
    sound = next(form for form in ("mp3", "ogg", "wav") if form in audio.available_forms())
    how = {"tempo": settings.tempo, "program": settings.program}
    pianoroll.write_midi(notes, f"{path}.mid", **how)
    pianoroll.write_score(notes, f"{path}.mxl", **how, metre=metre)
    audio.write_audio(notes, f"{path}.{sound}", **how)
    write_picture(notes, f"{path}.png", path.name)
    return [Path(f"{path}.{suffix}") for suffix in ("mid", "mxl", sound, "png")]


def write_picture(notes, path, title=""):
    """Write the piano roll of a note array as a PNG file, whole or not at all.

    Introduced in lesson 07.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(roll_png(notes, title))
