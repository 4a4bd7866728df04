"""Sound: a note array as samples of even loudness, as a sound file, or as a player in a notebook.

`render` plays by FluidSynth, with the soundfont of pretty_midi, or by an additive synthesiser that
needs only numpy.
"""

import base64
import functools
import html
import io
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .pianoroll import RESOLUTION
from .runtime import atomic_path, find_soundfont, has_fluidsynth

RATE = 22050  # samples a second
LOUDNESS = 0.1  # RMS of the sounding part: -20 dBFS
CEILING = 0.9  # no sample goes beyond; the rest is headroom for the encoder's ripples
SILENT = "this sample is silent"
MP3_LEVEL = 0.6  # of 0 to 1: about 40 kbit/s, plenty for one instrument at 22 kHz
MIMES = {"mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav"}


@functools.cache
def _synthesiser():
    """Return (FluidSynth, soundfont), once a session: loading takes longer than a measure."""
    import fluidsynth

    if find_soundfont() is None:
        raise ImportError("no soundfont: install pretty_midi, or use engine='built-in'")
    synth = fluidsynth.Synth(samplerate=float(RATE))
    synth.setting("synth.chorus.active", 0)
    return synth, synth.sfload(str(find_soundfont()))


def _play_fluidsynth(notes, tempo, program):
    """Return samples of any loudness by FluidSynth: float32, shape (n_samples,)."""
    synth, soundfont = _synthesiser()
    synth.system_reset()
    synth.program_select(0, soundfont, 0, program)
    synth.setting("synth.gain", min(0.8, 4 / _polyphony(notes)))  # its output clips beyond 16 bits
    starts, ends = _sample_times(notes, tempo)
    pitches, silent = notes["pitch"].tolist(), [0] * len(notes)
    events = [*zip(starts.tolist(), _velocities(notes).tolist(), pitches, strict=True),
              *zip(ends.tolist(), silent, pitches, strict=True)]  # fmt: skip
    pieces, now = [], 0
    for moment, velocity, pitch in sorted(events):  # at one moment, notes end before others start
        if moment > now:
            pieces.append(synth.get_samples(moment - now))
            now = moment
        if velocity:
            synth.noteon(0, pitch, velocity)
        else:
            synth.noteoff(0, pitch)
    pieces.append(synth.get_samples(RATE))  # the last note rings out
    left, right = np.concatenate(pieces).reshape(-1, 2).T
    return fade(np.add(left, right, dtype=np.float32) / 65536)  # five times as fast as mean(axis=1)


def _sample_times(notes, tempo):
    """Return the samples at which the notes start and end: two int arrays, shape (n_notes,)."""
    samples_per_step = RATE * 60 / tempo / RESOLUTION
    onset = notes["onset"].astype(np.int64)
    ends = onset + notes["duration"]
    return [np.round(steps * samples_per_step).astype(int) for steps in (onset, ends)]


def _velocities(notes):
    """Return MIDI velocities, louder on the beat so that one hears the pulse: shape (n_notes,)."""
    return np.where(notes["onset"] % RESOLUTION == 0, 96, 82)


def _polyphony(notes):
    """Return the largest number of notes that sound at once."""
    ends = notes["onset"] + notes["duration"].astype(int)
    started, ended = np.bincount(notes["onset"], minlength=ends.max() + 1), np.bincount(ends)
    return int((started - ended).cumsum().max())


def fade(samples, seconds=0.3):
    """Fade the end of a recording to zero, in place, so that it does not stop with a click."""
    n = min(int(seconds * RATE), len(samples))
    samples[len(samples) - n :] *= np.linspace(1, 0, n, dtype=np.float32)
    return samples


class Voice(NamedTuple):
    """One instrument family of the additive synthesiser; times in seconds."""

    partials: tuple  # strength of the 1st, 2nd, 3rd … harmonic
    attack: float
    decay: float  # time constant at middle C; infinite for blown and bowed instruments
    release: float
    vibrato: float = 0.0  # depth in radians


SUSTAINED = float("inf")
VOICES = {
    "piano": Voice((1, 0.55, 0.35, 0.22, 0.12, 0.07, 0.04), 0.004, 1.1, 0.12),
    "bells": Voice((1, 0.05, 0.3, 0.02, 0.12), 0.002, 0.7, 0.35),
    "organ": Voice((1, 0.7, 0.35, 0.45, 0.1, 0.2, 0, 0.2), 0.02, SUSTAINED, 0.06),
    "guitar": Voice((1, 0.6, 0.45, 0.3, 0.2, 0.12, 0.08), 0.003, 0.6, 0.08),
    "strings": Voice((1, 0.5, 0.35, 0.22, 0.15, 0.1, 0.06), 0.08, SUSTAINED, 0.16, 0.25),
    "brass": Voice((1, 0.8, 0.65, 0.45, 0.3, 0.2, 0.1), 0.035, SUSTAINED, 0.08, 0.1),
    "reeds": Voice((1, 0.1, 0.6, 0.08, 0.35, 0.05, 0.15), 0.025, SUSTAINED, 0.07, 0.08),
    "pipes": Voice((1, 0.18, 0.06, 0.02), 0.04, SUSTAINED, 0.09, 0.15),
}
# General MIDI orders its 128 programs in sixteen families of eight.
FAMILIES = (
    *("piano", "bells", "organ", "guitar", "guitar", "strings", "strings", "brass"),
    *("reeds", "pipes", "reeds", "strings", "strings", "guitar", "bells", "pipes"),
)


def _play_additive(notes, tempo, program):
    """Return samples of any loudness, sums of decaying harmonics: float32, shape (n_samples,)."""
    voice = VOICES[FAMILIES[program // 8]]
    tone = functools.cache(lambda pitch, n_samples: _tone(voice, pitch, n_samples))
    starts, ends = _sample_times(notes, tempo)
    mix = np.zeros(ends.max() + RATE, np.float32)
    rows = zip(notes["pitch"].tolist(), starts, ends, _velocities(notes) / 127, strict=True)
    for pitch, start, end, gain in rows:
        sound = tone(pitch, max(int(end - start), 1))
        mix[start : start + len(sound)] += np.float32(gain) * sound
    return mix


def _tone(voice, pitch, n_samples):
    """Return one note: harmonics under an envelope that starts and ends at zero (no clicks)."""
    n_release = int(voice.release * RATE)
    t = np.arange(n_samples + n_release, dtype=np.float32) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    phase = 2 * np.pi * frequency * t + voice.vibrato * np.sin(2 * np.pi * 5 * t) * t.clip(max=1)
    decay = voice.decay * 2 ** ((60 - pitch) / 24)  # low strings ring longer
    sound = np.zeros_like(t)
    for k, strength in enumerate(voice.partials, start=1):
        if strength and k * frequency < 0.45 * RATE:  # above it, a harmonic would fold back
            sound += strength * np.exp(-t * k**0.7 / decay) * np.sin(k * phase)
    n_attack = min(int(voice.attack * RATE), n_samples)
    sound[:n_attack] *= _ramp(n_attack)
    sound[n_samples:] *= _ramp(n_release)[::-1]
    return sound * np.float32(2 ** ((60 - pitch) / 36))  # the ear hears high notes as louder


def _ramp(n):
    """Return half a cosine from 0 to 1, shape (n,): smooth at both ends."""
    return (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, n))).astype(np.float32)


def render(notes, tempo=120, program=0, *, engine="auto"):
    """Return a note array as sound of even loudness.

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
    if not 5 <= tempo <= 1000:
        raise ValueError(f"tempo={tempo}: choose 5 to 1000 beats a minute")
    if program not in range(128):
        raise ValueError(f"program={program}: General MIDI has the programs 0 to 127")
    if engine not in ("auto", "fluidsynth", "built-in"):
        raise ValueError(f'engine={engine!r}: choose "auto", "fluidsynth" or "built-in"')
    if len(notes) == 0:
        return np.zeros(RATE // 2, np.float32), RATE
    use_fluidsynth = engine == "fluidsynth" or (engine == "auto" and has_fluidsynth())
    samples = (_play_fluidsynth if use_fluidsynth else _play_additive)(notes, tempo, program)
    return level(samples), RATE


def level(samples, rms=LOUDNESS, ceiling=CEILING):
    """Return a recording at a given loudness, its peaks bent softly under the ceiling.

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
    """Return samples as the bytes of a sound file, about 0.3 MB a minute as MP3.

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
        raise ValueError(f"form={form!r}: choose one that this machine writes: {', '.join(able)}")
    data = _wav(samples, rate) if form == "wav" else _soundfile(samples, rate, form)
    return data, MIMES[form]


@functools.cache
def available_forms():
    """Return the forms that `encode_audio` can write here, a tuple; "wav" is always among them."""
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
    """Write a note array as a sound file; the suffix says which kind.

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
    form = path.suffix.lstrip(".").lower() or "auto"
    data, _ = encode_audio(*render(notes, tempo, program), form=form)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return path


def play(notes, tempo=120, program=0, *, caption="", seconds=30):
    """Return an audio player for a note array; for silence, a line that says so.

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
    """Return bytes as a data: URI, so that a page holds its own sounds and pictures."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
