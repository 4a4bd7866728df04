"""Two engines that turn a note array into samples, before their loudness is evened out.

FluidSynth plays the soundfont that comes with pretty_midi; the additive synthesiser is ours and
needs only numpy. `audio.render` chooses between them.
"""

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np

RATE = 22050  # samples a second
STEPS_PER_BEAT = 24


@functools.cache
def has_fluidsynth():
    """Whether pyfluidsynth, its C library and the soundfont can all be found."""
    try:
        import fluidsynth  # noqa: F401  (raises ImportError when the C library is missing)
    except (ImportError, OSError):
        return False
    return _soundfont() is not None


def _soundfont():
    """Path of pretty_midi's soundfont, found without importing pretty_midi; None if absent."""
    package = importlib.util.find_spec("pretty_midi")
    path = package and Path(package.origin).with_name("TimGM6mb.sf2")
    return path if path and path.exists() else None


@functools.cache
def _synthesiser():
    """One FluidSynth for the whole session: loading the soundfont takes longer than a measure."""
    import fluidsynth

    if _soundfont() is None:
        raise ImportError("no soundfont: install pretty_midi, or use engine='built-in'")
    synth = fluidsynth.Synth(samplerate=float(RATE))
    synth.setting("synth.chorus.active", 0)
    return synth, synth.sfload(str(_soundfont()))


def play_fluidsynth(notes, tempo, program):
    """Play the notes into an array: float32, shape (n_samples,), at any loudness."""
    synth, soundfont = _synthesiser()
    synth.system_reset()
    synth.program_select(0, soundfont, 0, program)
    synth.setting("synth.gain", min(0.8, 4 / _polyphony(notes)))  # its output clips beyond 16 bits
    pieces, now = [], 0
    for moment, velocity, pitch in _events(notes, tempo):
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


def _events(notes, tempo):
    """List (sample index, velocity, pitch), velocity 0 for the end of a note; ends come first."""
    starts, ends = _moments(notes, tempo)
    pitches = notes["pitch"].tolist()
    on = zip(starts.tolist(), _velocities(notes).tolist(), pitches, strict=True)
    off = ((end, 0, pitch) for end, pitch in zip(ends.tolist(), pitches, strict=True))
    return sorted([*on, *off])


def _moments(notes, tempo):
    """Sample indices at which the notes start and end: two int arrays, shape (n_notes,)."""
    samples_per_step = RATE * 60 / tempo / STEPS_PER_BEAT
    onset = notes["onset"].astype(np.int64)
    starts = np.round(onset * samples_per_step).astype(int)
    ends = np.round((onset + notes["duration"]) * samples_per_step).astype(int)
    return starts, ends


def _velocities(notes):
    """Notes on the beat a little louder, so that one hears the pulse: shape (n_notes,)."""
    return np.where(notes["onset"] % STEPS_PER_BEAT == 0, 96, 82)


def _polyphony(notes):
    """Largest number of notes that sound at once."""
    change = np.zeros(int((notes["onset"] + notes["duration"].astype(int)).max()) + 1, int)
    np.add.at(change, notes["onset"], 1)
    np.add.at(change, notes["onset"] + notes["duration"].astype(int), -1)
    return int(change.cumsum().max())


def fade(samples, seconds=0.3):
    """Fade the end of a recording to zero, so that it does not stop with a click."""
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


def play_additive(notes, tempo, program):
    """Add up the notes as decaying harmonics: float32, shape (n_samples,), at any loudness."""
    voice = VOICES[FAMILIES[program // 8]]
    tone = functools.cache(lambda pitch, n_samples: _tone(voice, pitch, n_samples))
    starts, ends = _moments(notes, tempo)
    mix = np.zeros(ends.max() + RATE, np.float32)
    rows = zip(notes["pitch"].tolist(), starts, ends, _velocities(notes) / 127, strict=True)
    for pitch, start, end, gain in rows:
        sound = tone(pitch, max(int(end - start), 1))
        mix[start : start + len(sound)] += np.float32(gain) * sound
    return mix


def _tone(voice, pitch, n_samples):
    """One note: its harmonics under an envelope that starts and ends at zero (no clicks)."""
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
    """Half a cosine from 0 to 1, shape (n,): smooth at both ends."""
    return (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, n))).astype(np.float32)
