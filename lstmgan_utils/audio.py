"""Sound: note arrays as samples of even loudness, as sound files, as players in a notebook."""

import base64
import functools
import html
import io
import itertools
from operator import itemgetter
from pathlib import Path

import numpy as np
import soundfile

from .pianoroll import RESOLUTION
from .runtime import atomic_path, find_soundfont

RATE = 22050  # samples a second
SILENT = "this sample is silent"
MIMES = {"mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav"}
RELEASE, SUSTAINED = 0.12, float("inf")  # seconds
# General MIDI's 128 programs are sixteen families of eight. For each: how strong a harmonic is
# beside the one below it, and the seconds in which middle C decays.
PIANO, BELLS, ORGAN, LUTES = (0.55, 1.1), (0.3, 0.7), (0.5, SUSTAINED), (0.6, 0.6)
STRINGS, BRASS, REEDS, PIPES = ((strength, SUSTAINED) for strength in (0.6, 0.75, 0.65, 0.2))
FAMILIES = (PIANO, BELLS, ORGAN, LUTES, LUTES, STRINGS, STRINGS, BRASS,
            REEDS, PIPES, REEDS, STRINGS, STRINGS, LUTES, BELLS, PIPES)  # fmt: skip


def render(notes, tempo=120, program=0):
    """Return a note array as sound of even loudness: (samples, rate).

    The samples are float32 mono, shape (n_samples,), RMS about -20 dBFS, 22,050 a second; half a
    second of zeros without notes. `tempo` is in quarter notes a minute, `program` one of General
    MIDI, 0 to 127; others are a ValueError. FluidSynth plays where it is installed, else sums of
    harmonics. Introduced in lesson 09.
    """
    if not 5 <= tempo <= 1000 or program not in range(128):
        allowed = "choose 5 to 1000 beats a minute, and a program of General MIDI, 0 to 127"
        raise ValueError(f"tempo={tempo}, program={program}: {allowed}")
    if len(notes) == 0:
        return np.zeros(RATE // 2, np.float32), RATE
    synthesise = _play_fluidsynth if find_soundfont() else _play_harmonics
    onset = notes["onset"].astype(np.int64)
    times = np.array([onset, onset + notes["duration"]]) * (RATE * 60 / tempo / RESOLUTION)
    starts, ends = np.round(times).astype(int).tolist()
    velocities = np.where(onset % RESOLUTION == 0, 96, 82).tolist()  # the beat is heard
    rows = list(zip(starts, ends, notes["pitch"].tolist(), velocities, strict=True))
    return level(synthesise(rows, program)), RATE


@functools.cache
def _synthesiser():
    """Return (FluidSynth, soundfont), once a session: loading takes longer than a measure."""
    import fluidsynth

    synth = fluidsynth.Synth(samplerate=float(RATE))
    synth.setting("synth.chorus.active", 0)
    return synth, synth.sfload(str(find_soundfont()))


def _play_fluidsynth(rows, program):
    """Return samples of any loudness for rows of (start, end, pitch, velocity): float32."""
    synth, soundfont = _synthesiser()
    synth.system_reset()
    synth.program_select(0, soundfont, 0, program)
    events = [(start, velocity, pitch) for start, _, pitch, velocity in rows]
    events += [(end, 0, pitch) for _, end, pitch, _ in rows]
    events.sort(key=itemgetter(0, 1))  # at one instant notes end before others start
    polyphony = max(itertools.accumulate(1 if velocity else -1 for _, velocity, _ in events))
    synth.setting("synth.gain", min(0.8, 4 / polyphony))  # beyond 16 bits it clips
    pieces, now = [], 0
    for moment, velocity, pitch in events:
        pieces.append(synth.get_samples(moment - now))
        synth.noteon(0, pitch, velocity)  # of velocity 0: its end
        now = moment
    pieces.append(synth.get_samples(RATE))  # the last note rings out
    left, right = np.concatenate(pieces).reshape(-1, 2).T
    return fade(np.add(left, right, dtype=np.float32) / 65536)  # five times as fast as mean(axis=1)


def _play_harmonics(rows, program):
    """Return samples of any loudness, sums of harmonics: float32, shape (n_samples,)."""
    tone = functools.cache(functools.partial(_tone, *FAMILIES[program // 8]))
    mix = np.zeros(max(end for _, end, _, _ in rows) + RATE, np.float32)
    for start, end, pitch, velocity in rows:
        sound = tone(pitch, max(end - start, 1))
        mix[start : start + len(sound)] += np.float32(velocity) * sound
    return mix


def _tone(strength, decay, pitch, n_samples):
    """Return one note: harmonics under an envelope that starts and ends at zero (no clicks)."""
    t = np.arange(n_samples + int(RELEASE * RATE), dtype=np.float32) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    decay *= 2 ** ((60 - pitch) / 24)  # low strings ring longer
    sound = np.zeros_like(t)
    for k in range(1, 9):
        if k * frequency < 0.45 * RATE:  # above it, a harmonic would fold back
            fading = np.exp(-t * k**0.7 / decay)
            sound += strength ** (k - 1) * fading * np.sin(2 * np.pi * k * frequency * t)
    end = n_samples / RATE
    attack = 0.04 if decay == SUSTAINED else 0.005
    envelope = np.interp(t, (0, min(attack, end), end, t[-1]), (0, 1, 1, 0))
    sound *= np.sin(np.pi / 2 * envelope) ** 2
    return sound * np.float32(2 ** ((60 - pitch) / 36))  # the ear hears high notes as louder


def fade(samples, seconds=0.3):
    """Fade the end of a recording to zero, in place, so that it does not stop with a click."""
    n = min(int(seconds * RATE), len(samples))
    samples[len(samples) - n :] *= np.linspace(1, 0, n, dtype=np.float32)
    return samples


def level(samples, rms=0.1, ceiling=0.9):
    """Return a recording at a given loudness, its peaks bent softly under the ceiling.

    `samples` is a float array, shape (n_samples,), as is the result; `rms` the root mean square to
    reach (0.1 is -20 dBFS); no absolute value of the result is larger than `ceiling`: the rest is
    headroom for what an encoder adds. Introduced in lesson 09.
    """
    block = max(min(RATE // 10, len(samples)), 1)
    power = np.square(samples[: len(samples) // block * block]).reshape(-1, block).mean(axis=1)
    sounding = power[power > 1e-3 * power.max(initial=0)]  # pauses are not loud or soft
    if not sounding.size:
        return np.zeros(len(samples), np.float32)
    loud = samples * np.float32(rms / np.sqrt(sounding.mean()))
    return np.float32(ceiling) * np.tanh(loud / np.float32(ceiling))


@functools.cache
def available_forms():
    """Return the forms that `encode_audio` can write here, a tuple; "wav" is always among them."""
    known = soundfile.available_formats()
    return tuple(name for name in MIMES if name.upper() in known)


def encode_audio(samples, rate=RATE, *, form="auto"):
    """Return samples as a sound file, about 0.3 MB a minute as MP3: (bytes, mime type).

    The samples are floats in [-1, 1], shape (n_samples,), `rate` a second. `form` is "mp3", "ogg"
    (Vorbis), "flac" (large, but ten times as fast) or "wav"; "auto" takes the first of MP3, Vorbis
    and WAV that this machine can write. Others are a ValueError. Introduced in lesson 09.
    """
    able = available_forms()
    if form == "auto":
        form = next(name for name in able if name != "flac")
    if form not in able:
        raise ValueError(f"form={form!r}: choose one that this machine writes: {', '.join(able)}")
    buffer = io.BytesIO()
    options = {"compression_level": 0.6} if form == "mp3" else {}  # about 40 kbit/s
    with soundfile.SoundFile(buffer, "w", rate, 1, format=form, **options) as file:
        for start in range(0, len(samples), rate):  # one large Vorbis write crashes the process
            file.write(samples[start : start + rate])
    return buffer.getvalue(), MIMES[form]


def write_audio(notes, path, tempo=120, program=0):
    """Write a note array as .mp3, .ogg, .flac or .wav file, in a folder made if needed: its Path.

    Raises ValueError where this machine cannot write that kind. Introduced in lesson 09.
    """
    path = Path(path)
    form = path.suffix.lstrip(".").lower() or "auto"
    data, _ = encode_audio(*render(notes, tempo, program), form=form)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return path


def play(notes, tempo=120, program=0, *, caption="", seconds=30):
    """Return an audio player for a note array, or for silence a line that says so: IPython HTML.

    `caption` stands above the player; sound beyond so many `seconds` is cut, so that notebooks
    stay light. The other arguments are those of `render`. Introduced in lesson 00.
    """
    from IPython.display import HTML

    samples, rate = render(notes, tempo, program)
    title = html.escape(caption)
    if not samples.any():
        return HTML(f"<figure><figcaption>{title}</figcaption><em>{SILENT}</em></figure>")
    if len(samples) > seconds * rate:
        samples = fade(samples[: int(seconds * rate)].copy(), 0.5)
        title = f"{title} (the first {seconds} seconds)".strip()
    look = f'controls preload="metadata" aria-label="{title or "music"}"'
    sound = f'<audio {look} src="{data_uri(*encode_audio(samples, rate))}"></audio>'
    head = f'<figure style="margin:.5em 0"><figcaption>{title}</figcaption>'
    return HTML(f"{head}{sound}</figure>")


def data_uri(data, mime):
    """Return bytes as a data: URI, so that a page holds its own sounds and pictures."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
