"""Scores of music21's corpus, rendered to MIDI in four ways, to measure conversion against truth.

exact: as notation programs export (full lengths, one tick short, 95 %; ornaments without length);
click: played to a click (onsets moved by 6 to 18 ms, notes held for .7 to 1 of their length);
live: played freely into a recorder that knows no beat. The tempo swells and falls with each phrase
(Todd's parabolic arcs), wanders (a random walk drawn back to its mean) and slows down at the end
(Friberg and Sundberg's final ritardando); the file says 120 quarters a minute throughout;
free: the same chords at random times, from which no score should be made.

Usage: python -m benchmarks.truth_set folder
"""

import sys
import zlib
from pathlib import Path

import mido
import numpy as np

from data_sample.make_data_sample import merge, read_parts, to_track

PIANO = {  # merged into one part, as a piano plays
    "bach_846": "bach/bwv846.mxl",
    "mozart_545": "mozart/k545/movement1_exposition.mxl",
    "joplin_maple": "joplin/maple_leaf_rag.mxl",
    "chopin_6_2": "chopin/mazurka06-2.krn",
    "clara_1": "schumann_clara/polonaise_op1n1.mxl",
    "clara_2": "schumann_clara/polonaise_op1n2.mxl",
    "clara_3": "schumann_clara/polonaise_op1n3.mxl",
    "clara_4": "schumann_clara/polonaise_op1n4.mxl",
    "cpe_bach_186": "cpebach/h186.mxl",
    "verdi_donna": "verdi/laDonnaEMobile.mxl",
    "bach_66": "bach/bwv66.6.mxl",
    "bach_269": "bach/bwv269.mxl",
    "handel_lascia": "handel/rinaldo/Lascia_chio_pianga.mxl",
    "schubert_lindenbaum": "schubert/Lindenbaum.xml",
}
PARTS = {  # each part on its own channel
    "haydn_74": "haydn/opus74no1/movement3.mxl",
    "mozart_458": "mozart/k458/movement2.mxl",
    "beethoven_132": "beethoven/opus132.mxl",
    "schumann_41": "schumann_robert/opus41no1/movement2.mxl",
    "weber_clarinet": "weber/concertino_clarinet.mxl",
    "corelli_3_1": "corelli/opus3no1/1grave.xml",
    "monteverdi_5_8": "monteverdi/madrigal.5.8.mxl",
    "lusitano": "lusitano/allor_che_ignuda.mxl",
    "aloha_oe": "liliuokalani/aloha_oe.mxl",
    "lift_every_voice": "johnson_j_r/lift_every_voice.mxl",
    "beach_prayer": "beach/prayer_of_a_tired_child.musicxml",
    "foster_brown_hair": "leadSheet/fosterBrownHair.mxl",
}
TUNES = ["AndrewCareysSlipjig", "BeebesHornpipe", "BoatieRowsStrathspey", "BonnieKatesReel",
         "CupOfTeaReel", "IrishWashWomanJig", "JohnnyHandsJig", "LordJamesMurraysReel",
         "LanigansBallJig", "MinstrelsFancyClog", "OlympicHornpipe", "RakesOfWestmeathJig",
         "SentinelHornpipe", "WindThatShakesTheBarleyReel"]  # fmt: skip
PPQ = (480, 96, 220, 960, 384)
EXPORTS = {"full": (1.0, 0), "gap": (1.0, 1), "95": (0.95, 0)}  # share of the length, ticks off


def read_piece(name):
    """Return the parts of a piece: list of note arrays, and its steps a measure."""
    path = PIANO.get(name) or PARTS.get(name) or f"ryansMammoth/{name}.abc"
    arrays, metre, _ = read_parts(path)
    beats, unit = map(int, metre.split("/"))
    arrays = [merge(arrays)] if name in PIANO else [notes for notes in arrays if len(notes)]
    return arrays, beats * 96 // unit, metre


def tempo_curve(n_steps, measure, rng):
    """Return the seconds at which each time step of a freely played piece comes, ndarray."""
    step = np.arange(n_steps + 1)
    place = step % (4 * measure) / (4 * measure)  # in the phrase of four measures
    arc = 1 + rng.uniform(0.05, 0.15) * (1 - (2 * place - 1) ** 2)
    wander = np.zeros(n_steps + 1)
    for beat in range(24, n_steps + 1, 24):
        wander[beat : beat + 24] = 0.8 * wander[beat - 1] + rng.normal(0, 0.03)
    near_end = np.clip((step - n_steps + 2 * measure) / (2 * measure), 0, 1)
    ritardando = np.sqrt(1 - 0.7 * near_end)  # the last speed is .55 of the first
    speed = rng.uniform(1.1, 2.1) * arc * np.exp(wander) * ritardando  # quarters a second
    return np.concatenate([[0], np.cumsum(1 / (24 * speed[:-1]))])


def render(arrays, measure, metre, way, name):
    """Play a piece in one way; return a mido.MidiFile."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {way}".encode()))
    ppq = int(rng.choice(PPQ)) if way in (*EXPORTS, "click") else 480
    play = {"live": _play_live, "free": _play_free, "click": _play_to_click}.get(way, _export)
    tempo = int(rng.integers(70, 140))
    timed = play(arrays, measure, way, tempo, ppq, rng)
    events = []
    if way not in ("live", "free"):
        beats, unit = map(int, metre.split("/"))
        events = [(0, 0, mido.MetaMessage("time_signature", numerator=beats, denominator=unit)),
                  (0, 0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))]  # fmt: skip
    midi = mido.MidiFile(ticks_per_beat=ppq)
    midi.tracks.append(to_track(events))
    for number, (notes, (on, end)) in enumerate(zip(arrays, timed, strict=True)):
        on = np.rint(np.maximum(on, 0) * ppq).astype(int)
        end = np.maximum(np.rint(end * ppq).astype(int), on + 1)
        channel = number + (number > 8)
        track = _note_events(on, end, notes["pitch"], channel)
        if way in EXPORTS:
            track += _ornaments(on, notes["pitch"], channel, rng)
        midi.tracks.append(to_track(track))
    return midi


def _export(arrays, _, way, tempo, ppq, rng):
    """Return each part's onsets and ends in quarters, as a notation program exports them."""
    held, gap = EXPORTS[way]
    for notes in arrays:
        on = notes["onset"] / 24
        yield on, on + notes["duration"] * held / 24 - gap / ppq


def _play_to_click(arrays, measure, way, tempo, ppq, rng):
    """Move onsets by 6 to 18 ms, as `data_sample` does; hold notes for .7 to 1 of their length."""
    held, spread = rng.uniform(0.7, 1), rng.uniform(0.006, 0.018) * tempo / 60
    for notes in arrays:
        moved = np.clip(rng.normal(0, 1, (2, len(notes))), -2, 2) * spread
        on = notes["onset"] / 24
        yield on + moved[0], on + notes["duration"] * held / 24 + moved[1] / 2


def _play_live(arrays, measure, way, tempo, ppq, rng):
    """Play by a tempo curve, chords 12 ms apart, each note held for its own share."""
    n_steps = max(int((notes["onset"] + notes["duration"]).max()) for notes in arrays)
    seconds = tempo_curve(n_steps, measure, rng)
    held = rng.uniform(0.7, 1)
    for notes in arrays:
        share = np.clip(rng.normal(held, 0.08, len(notes)), 0.3, 1.1)
        ends = notes["onset"] + notes["duration"] * share
        on = seconds[notes["onset"]] + 0.3 + rng.normal(0, 0.012, len(notes))
        end = np.interp(ends, np.arange(n_steps + 1), seconds) + 0.3
        yield 2 * on, 2 * end  # the file says 120 quarters a minute


def _play_free(arrays, measure, way, tempo, ppq, rng):
    """Play the same chords at random times: no score can be right."""
    places = np.unique(np.concatenate([notes["onset"] for notes in arrays]))
    mean = 2 * tempo_curve(int(places[-1]), measure, rng)[-1] / len(places)
    times = np.cumsum(rng.exponential(mean, len(places)))
    for notes in arrays:
        on = times[np.searchsorted(places, notes["onset"])] + rng.normal(0, 0.01, len(notes))
        yield on, on + rng.uniform(0.2, 0.8, len(notes))


def _note_events(starts, ends, pitches, channel):
    """List (tick, order, message); no note runs into the next one of its pitch."""
    ends = ends.copy()
    for pitch in np.unique(pitches):
        same = np.flatnonzero(pitches == pitch)
        same = same[np.argsort(starts[same], kind="stable")]
        ends[same[:-1]] = np.minimum(ends[same[:-1]], starts[same[1:]])
    events = []
    for start, end, pitch in zip(starts.tolist(), ends.tolist(), pitches.tolist(), strict=True):
        key = {"channel": channel, "note": pitch}
        events.append((start, 3, mido.Message("note_on", velocity=80, **key)))
        events.append((end, 2, mido.Message("note_off", velocity=0, **key)))
    return events


def _ornaments(starts, pitches, channel, rng):
    """Add a few notes without any length, as grace notes are exported."""
    events = []
    for i in np.flatnonzero(rng.random(len(starts)) < 0.02).tolist():
        key = {"channel": channel, "note": int(pitches[i]) + 1}
        if not ((pitches == key["note"]) & (abs(starts - starts[i]) < 1000)).any():
            events.append((int(starts[i]), 4, mido.Message("note_on", velocity=60, **key)))
            events.append((int(starts[i]), 5, mido.Message("note_off", velocity=0, **key)))
    return events


def main(folder):
    """Write `way/piece.mid`, and the truth beside it as `piece.npy`."""
    for number, name in enumerate([*PIANO, *PARTS, *TUNES]):
        arrays, measure, metre = read_piece(name)
        export = [*EXPORTS][number % len(EXPORTS)]
        ways = {"exact": export, "click": "click"}
        ways |= {"live": "live", "free": "free"} if name in PIANO else {}
        for way, how in ways.items():
            path = Path(folder, way, f"{name}.mid")
            path.parent.mkdir(parents=True, exist_ok=True)
            render(arrays, measure, metre, how, name).save(path)
            np.save(path.with_suffix(".npy"), np.concatenate(arrays))


if __name__ == "__main__":
    main(sys.argv[1])
