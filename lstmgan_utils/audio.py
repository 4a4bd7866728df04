"""From a note array to sound: two engines, one loudness, small files, a player in the page.

The good engine is FluidSynth with the soundfont that comes with pretty_midi. Where its library is
missing (Colab, a bare laptop) a small additive synthesiser of ours, in numpy, takes its place.
"""

import base64
import functools
import html
import io
import wave
from pathlib import Path

import numpy as np

from lstmgan_utils.runtime import atomic_path
from lstmgan_utils.synthesis import RATE, fade, has_fluidsynth, play_additive, play_fluidsynth

LOUDNESS = 0.1  # RMS of the sounding part: -20 dBFS
CEILING = 0.9  # no sample goes beyond; the rest is room for the encoder's ripples
SILENT = "this sample is silent"


def render(notes, tempo=120, program=0, *, engine="auto"):
    """Turn a note array into sound of even loudness.

    Introduced in lesson 07.

    Args:
        notes: note array (onset and duration in steps, 24 a beat).
        tempo: beats a minute.
        program: General MIDI program, 0 to 127 (0 is the piano).
        engine: "auto", "fluidsynth" or "built-in".

    Returns:
        (samples, rate): float32 mono, shape (n_samples,), RMS about -20 dBFS; 22,050 a second.
        No notes give half a second of zeros.

    Raises:
        ValueError: the tempo, the program or the engine does not exist.
        ImportError: engine="fluidsynth" and the library is not installed.
    """
    _check(tempo, program, engine)
    if len(notes) == 0:
        return np.zeros(RATE // 2, np.float32), RATE
    use_fluidsynth = engine == "fluidsynth" or (engine == "auto" and has_fluidsynth())
    samples = (play_fluidsynth if use_fluidsynth else play_additive)(notes, tempo, program)
    return level(samples), RATE


def _check(tempo, program, engine):
    """Raise ValueError for what no engine can play."""
    if not 5 <= tempo <= 1000:
        raise ValueError(f"tempo={tempo}: choose 5 to 1000 beats a minute")
    if program not in range(128):
        raise ValueError(f"program={program}: General MIDI has the programs 0 to 127")
    if engine not in ("auto", "fluidsynth", "built-in"):
        raise ValueError(f'engine={engine!r}: choose "auto", "fluidsynth" or "built-in"')


def level(samples, rms=LOUDNESS, ceiling=CEILING):
    """Bring a recording to one loudness, its peaks bent softly under the ceiling.

    Introduced in lesson 07.

    Args:
        samples: float array, shape (n_samples,).
        rms: loudness to reach, as root mean square; 0.1 is -20 dBFS.
        ceiling: no absolute value in the result is larger.

    Returns:
        float32 array, shape (n_samples,).
    """
    block = max(min(RATE // 10, len(samples)), 1)
    power = np.square(samples[: len(samples) // block * block]).reshape(-1, block).mean(axis=1)
    sounding = power[
        power > 1e-3 * power.max(initial=0)
    ]  # pauses do not count: they are not loud or soft
    if not sounding.size:
        return np.zeros(len(samples), np.float32)
    loud = samples * np.float32(rms / np.sqrt(sounding.mean()))
    knee = 0.6 * ceiling
    beyond = np.flatnonzero(np.abs(loud) > knee)
    excess = np.abs(loud[beyond]) - knee
    bent = knee + (ceiling - knee) * np.tanh(excess / (ceiling - knee))
    loud[beyond] = np.sign(loud[beyond]) * bent
    return loud.astype(np.float32)


def encode_audio(samples, rate=RATE, *, form="auto"):
    """Pack samples into the bytes of a sound file, about 0.3 MB a minute where MP3 is to be had.

    Introduced in lesson 07.

    Args:
        samples: float array in [-1, 1], shape (n_samples,).
        rate: samples a second.
        form: "mp3", "ogg" (Vorbis), "flac" (large, but ten times as fast) or "wav"; "auto" takes
            the first of MP3, Vorbis and WAV that this machine can write.

    Returns:
        (bytes, mime type), for example (…, "audio/mpeg").

    Raises:
        ValueError: this machine cannot write the form.
    """
    able = available_forms()
    if form == "auto":
        form = next(name for name in ("mp3", "ogg", "wav") if name in able)
    if form not in able:
        raise ValueError(
            f"form={form!r}: this machine writes {', '.join(able)}; choose one of them"
        )
    data = _wav(samples, rate) if form == "wav" else _soundfile(samples, rate, form)
    return data, MIMES[form]


MP3_LEVEL = 0.6  # of 0 to 1: about 40 kbit/s, plenty for one instrument at 22 kHz
MIMES = {"mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav"}


@functools.cache
def available_forms():
    """The forms that encode_audio can write here, as a tuple; "wav" is always among them."""
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package is there, its C library is not
        return ("wav",)
    known = soundfile.available_formats()
    return tuple(name for name in MIMES if name == "wav" or name.upper() in known)


def _soundfile(samples, rate, form):
    """Encode with libsndfile, a second at a time: one large Vorbis write crashes the process."""
    import soundfile

    subtype = {"mp3": "MPEG_LAYER_III", "ogg": "VORBIS", "flac": "PCM_16"}[form]
    buffer = io.BytesIO()
    options = {"format": form.upper(), "subtype": subtype, "samplerate": rate, "channels": 1}
    options |= {"compression_level": MP3_LEVEL} if form == "mp3" else {}
    with soundfile.SoundFile(buffer, "w", **options) as file:
        for start in range(0, len(samples), rate):
            file.write(samples[start : start + rate])
    return buffer.getvalue()


def _wav(samples, rate):
    """Encode as 16-bit WAV with Python's own wave module."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", "not compressed"))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def write_audio(notes, path, tempo=120, program=0):
    """Render a note array into a sound file; the suffix says which kind.

    Introduced in lesson 07.

    Args:
        notes: note array.
        path: file ending in .mp3, .ogg, .flac or .wav; its folder is made if needed.
        tempo: beats a minute.
        program: General MIDI program, 0 to 127.

    Returns:
        Path of the file.

    Raises:
        ValueError: the suffix names no form that this machine can write.
    """
    path = Path(path)
    samples, rate = render(notes, tempo, program)
    data, _ = encode_audio(samples, rate, form=path.suffix.lstrip(".").lower() or "auto")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return path


def play(notes, tempo=120, program=0, *, caption="", seconds=30):
    """Show an audio player for a note array; silence is said, not played.

    Introduced in lesson 00.

    Args:
        notes: note array.
        tempo: beats a minute.
        program: General MIDI program, 0 to 127.
        caption: a line above the player: what to listen for.
        seconds: the most that is kept, so that notebooks stay light.

    Returns:
        IPython display object.
    """
    from IPython.display import HTML

    samples, rate = render(notes, tempo, program)
    title = html.escape(caption)
    if not samples.any():
        return HTML(f"<figure><figcaption>{title}</figcaption><em>{SILENT}</em></figure>")
    if len(samples) > seconds * rate:
        samples = fade(samples[: int(seconds * rate)].copy(), 0.5)
        title = f"{title} (the first {seconds} seconds)".strip()
    return HTML(
        f'<figure style="margin:.5em 0"><figcaption>{title}</figcaption>'
        f'<audio controls preload="metadata" aria-label="{title or "music"}" '
        f'src="{data_uri(*encode_audio(samples, rate))}"></audio></figure>'
    )


def data_uri(data, mime):
    """Write bytes as a data: address, so that a page holds its own sounds and pictures."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
