"""One take of the generator: all knobs in one record, from latent to files."""

from dataclasses import dataclass
from pathlib import Path

from lstmgan_utils import audio, pianoroll, sampling
from lstmgan_utils.player import roll_png
from lstmgan_utils.runtime import atomic_path


@dataclass(frozen=True)
class Knobs:
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


def latent_of(knobs, metre="4/4"):
    """Draw, blend and redraw random values as the knobs say.

    Introduced in lesson 07.

    Args:
        knobs: Knobs.
        metre: such as "4/4".

    Returns:
        float32 ndarray, shape (beats, 24).
    """
    latent = sampling.draw_latent(knobs.seed, knobs.measures, metre)
    other = sampling.draw_latent(knobs.other_seed, knobs.measures, metre)
    if knobs.walk:
        latent = sampling.walk(latent, other)
    elif knobs.amount:
        latent = sampling.blend(latent, other, knobs.amount)
    if knobs.local_latent is not None:
        latent = sampling.new_details(latent, knobs.local_latent)
    if knobs.global_latent is not None:
        latent = sampling.new_song(latent, knobs.global_latent)
    return latent


def sample_take(generator, knobs, metre="4/4"):
    """Sample the notes that the knobs describe.

    Introduced in lesson 07.

    Args:
        generator: a trained generator.
        knobs: Knobs.
        metre: such as "4/4".

    Returns:
        note array.
    """
    latent = latent_of(knobs, metre)
    return sampling.sample(
        generator,
        knobs.seed,
        knobs.measures,
        latent=latent,
        metre=metre,
        temperature=knobs.temperature,
        transpose=knobs.transpose,
    )


def file_stem(knobs):
    """Name a take: its seed first, then each knob that is not where it started.

    Introduced in lesson 07.

    Args:
        knobs: Knobs.

    Returns:
        str such as "seed_0003_8_measures".
    """
    parts = [f"seed_{knobs.seed:04d}"]
    if knobs.walk:
        parts.append(f"walk_to_{knobs.other_seed:04d}")
    elif knobs.amount:
        parts.append(f"blend_{knobs.amount:.3f}_of_{knobs.other_seed:04d}")
    for name in ("local_latent", "global_latent"):
        if getattr(knobs, name) is not None:
            parts.append(f"{name}_{getattr(knobs, name)}")
    if knobs.temperature != 1:
        parts.append(f"temperature_{knobs.temperature:.2f}")
    if knobs.transpose:
        parts.append(f"key_{knobs.transpose:+d}")
    if knobs.weights != Knobs.weights:
        parts.append(Path(knobs.weights).name)
    return "_".join([*parts, f"{knobs.measures}_measures"])


def export_take(notes, knobs, folder, metre="4/4"):
    """Write a take as MIDI, score, sound and picture, all with the seed in the name.

    Introduced in lesson 07.

    Args:
        notes: note array.
        knobs: Knobs that it was sampled with.
        folder: where the files go; made if needed.
        metre: such as "4/4".

    Returns:
        list of Path: .mid, .mxl, a sound file, .png.

    Raises:
        ValueError: there are no notes to write.
    """
    if not len(notes):
        raise ValueError("a silent take has nothing to export; raise the temperature or the seed")
    path = Path(folder) / file_stem(knobs)
    sound = next(form for form in ("mp3", "ogg", "wav") if form in audio.available_forms())
    how = {"tempo": knobs.tempo, "program": knobs.program}
    pianoroll.write_midi(notes, f"{path}.mid", **how)
    pianoroll.write_score(notes, f"{path}.mxl", **how, metre=metre)
    audio.write_audio(notes, f"{path}.{sound}", **how)
    write_picture(notes, f"{path}.png", path.name)
    return [Path(f"{path}.{suffix}") for suffix in ("mid", "mxl", sound, "png")]


def write_picture(notes, path, title=""):
    """Draw the piano roll of a note array into a PNG file.

    Introduced in lesson 07.

    Args:
        notes: note array.
        path: the .png file, replaced whole or not at all.
        title: text above the roll.

    Returns:
        Path of the file.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(roll_png(notes, title))
    return Path(path)
