"""Build data_sample/: a small MIDI collection, "performed" from scores, with the truth kept.

Usage: python data_sample/make_data_sample.py [folder]

Every file is computed from the scores that come with music21 and a fixed seed, so two runs give
the same bytes. `manifest.csv` says how each file was played and what the course should decide.
"""

import csv
import dataclasses
import hashlib
import io
import itertools
import re
import sys
import warnings
import zlib
from pathlib import Path

import mido
import numpy as np

from lstmgan_utils import pianoroll, runtime
from lstmgan_utils.pianoroll.scores import decode_abc, without_graces

SEED = 2026
HERE = Path(__file__).parent
RYAN = [
    "AndrewCareysSlipjig",
    "BeebesHornpipe",
    "BlackberryBlossomReel",
    "BoatieRowsStrathspey",
    "BonnieAnnieClog",
    "BonnieKatesReel",
    "CorneyIsComing",
    "CupOfTeaReel",
    "FireFlyReel",
    "FlowersOfMichiganReel",
    "InmanLineReel",
    "IrishWashWomanJig",
    "IsItThePriestYouWantJig",
    "JohnnyHandsJig",
    "LarkInTheMorningJig",
    "LarryGrogansJig",
    "LordJamesMurraysReel",
    "MissStuartsStrathspey",
    "NealGowsWifeStrathspey",
    "NewBrigOfGlasgowStrathspey",
    "NewPolicemansReel",
    "NorfolkHornpipe",
    "OffSheGoesJig",
    "OldFigaryOJig",
    "PanderDanceJig",
    "ParnellsReel",
    "RakesOfWestmeathJig",
    "RideAMileSlipjig",
    "RidingOnAHandCarJig",
    "RossReel",
    "RoysWifeOfAldivalloch",
    "SentinelHornpipe",
    "ToCashellImGoingJig",
    "YellowHairdLaddieReel",
]
HARD = RYAN[::9]  # played with 18 ms of jitter
SHORT = ["NorfolkHornpipe", "LarryGrogansJig", "FireFlyReel", "RossReel"]  # cut to 4 measures
PIANO = {
    "bach_prelude_bwv846": "bach/bwv846.mxl",
    "joplin_maple_leaf_rag": "joplin/maple_leaf_rag.mxl",
    "mozart_sonata_k545": "mozart/k545/movement1_exposition.mxl",
    "clara_schumann_polonaise_1": "schumann_clara/polonaise_op1n1.mxl",
    "clara_schumann_polonaise_2": "schumann_clara/polonaise_op1n2.mxl",
    "clara_schumann_polonaise_3": "schumann_clara/polonaise_op1n3.mxl",
    "verdi_la_donna_e_mobile": "verdi/laDonnaEMobile.mxl",
}
ENSEMBLES = {  # one General MIDI program a part
    "bach_chorale_bwv66": ("bach/bwv66.6.mxl", (40, 41, 41, 42)),
    "bach_chorale_bwv269": ("bach/bwv269.mxl", (73, 68, 71, 70)),
    "liliuokalani_aloha_oe": ("liliuokalani/aloha_oe.mxl", (52, 52, 52, 52, 53, 0)),
    "johnson_lift_every_voice": ("johnson_j_r/lift_every_voice.mxl", (56, 60, 57, 58)),
    "lusitano_allor_che_ignuda": ("lusitano/allor_che_ignuda.mxl", (40, 41, 42)),
    "weber_clarinet_concertino": ("weber/concertino_clarinet.mxl", (71, 0, 0)),
    "handel_lascia_chio_pianga": ("handel/rinaldo/Lascia_chio_pianga.mxl", (53, 6, 6)),
}
PROGRAMS = (40, 73, 21, 24, 71, 0, 105, 110, 79, 6, 22, 65)  # violin, flute, accordion, guitar …
FIFTHS = ["Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"]
MAX_QUARTERS = 168
MANIFEST = [
    "file",
    "expected",
    "reason",
    "truth",
    "metre",
    "programs",
    "n_notes",
    "quarters",
    "ppq",
    "smf_type",
    "jitter_ms",
    "articulation",
    "tempo",
    "source",
    "sha256",
]


@dataclasses.dataclass
class Piece:
    """A piece to perform: the truth, and how it will be played."""

    name: str
    source: str
    parts: list  # of (note array, program, channel)
    metre: str = "4/4"
    fifths: int = 0
    expected: str = "kept"
    reason: str = ""
    ppq: int = 480
    smf_type: int = 1
    jitter_ms: int = 0
    silent_tracks: int = 0
    switch_program: int | None = None  # played from the middle on

    @property
    def truth(self):
        """Note array of all parts together."""
        return np.sort(np.concatenate([notes for notes, *_ in self.parts]),
                       order=("onset", "pitch", "duration"))  # fmt: skip


def read_parts(path):
    """Read a score of music21's corpus part by part, its pickup as rests before the first note.

    Returns:
        (list of note arrays, metre, fifths)
    """
    from music21 import converter, corpus

    warnings.filterwarnings("ignore", module="music21")  # a few overfull measures in the sources
    path = Path(corpus.__file__).parent / path
    if path.suffix == ".abc":
        score = converter.parse(without_graces(decode_abc(path.read_bytes())), format="abc")
    else:
        score = converter.parse(path, forceSource=True)
    _, info = pianoroll.notes_from_score(score)
    full = pianoroll.steps_of(info["metre"])
    rest = (full - info["pickup"]) % full
    end = MAX_QUARTERS * pianoroll.RESOLUTION // full * full
    arrays = []
    for part in score.parts:
        notes, _ = pianoroll.notes_from_score(part)
        notes["onset"] += rest
        arrays.append(pianoroll.fit_to_roll(pianoroll.crop(notes, 0, end)))
    return arrays, info["metre"], info["fifths"]


def merge(arrays):
    """Put the staves of one player together; a pitch that both play is struck once."""
    return pianoroll.fit_to_roll(np.concatenate(arrays))


def tune(stem, name=None, n_measures=None, **settings):
    """Make a Piece of one of Ryan's tunes, all of it or its first measures."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem)
    name = name or f"ryan_{words.lower()}"
    path = f"ryansMammoth/{stem}.abc"
    (notes,), metre, fifths = read_parts(path)
    if n_measures:
        notes = pianoroll.crop(notes, 0, n_measures * pianoroll.steps_of(metre))
    program = PROGRAMS[zlib.crc32(stem.encode()) % len(PROGRAMS)]
    return Piece(name, path, [(notes, program, 0)], metre, fifths, **settings)


def piano(name, path, *, two_channels=False, **settings):
    """Make a Piece of a piano score, each hand on its own channel or both on one."""
    arrays, metre, fifths = read_parts(path)
    hands = arrays if two_channels else [merge(arrays)]
    parts = [(notes, 0, channel) for channel, notes in enumerate(hands)]
    return Piece(name, path, parts, metre, fifths, **settings)


def ensemble(name, path, programs):
    """Make a Piece of a score for several instruments, the staves of a piano put together."""
    arrays, metre, fifths = read_parts(path)
    players = {}
    for part, (notes, program) in enumerate(zip(arrays, programs, strict=False)):
        players.setdefault(("keys" if program in (0, 6) else part, program), []).append(notes)
    parts = [(merge(staves), program, channel)
             for channel, ((_, program), staves) in enumerate(players.items())]  # fmt: skip
    return Piece(name, path, parts, metre, fifths, "left out", "several instruments")


def drums(name):
    """Make a Piece of eight measures of drums, of our own."""
    rows = [(beat * 24, 12, (36, 38)[beat % 2]) for beat in range(32)]
    rows += [(half * 12, 6, 42) for half in range(64)]
    return Piece(name, "our own", [(pianoroll.note_array(rows), 0, 9)], expected="left out",
                 reason="drums only")  # fmt: skip


def collection():
    """List all the pieces, each with its own mixture of resolution, file type and jitter."""
    first_hand = PIANO["clara_schumann_polonaise_1"]
    pieces = [
        *(tune(stem) for stem in RYAN),
        *(piano(name, path) for name, path in PIANO.items()),
        *(ensemble(name, *score) for name, score in ENSEMBLES.items()),
        *(tune(stem, f"short_{i}", 4, expected="left out", reason="too short")
          for i, stem in enumerate(SHORT, 1)),
        tune("CorneyIsComing", "silent_tracks_1", silent_tracks=3),
        tune("MissStuartsStrathspey", "silent_tracks_2", silent_tracks=1),
        piano("two_hands_two_channels", first_hand, two_channels=True),
        tune("RideAMileSlipjig", "program_switch", switch_program=19, expected="left out",
             reason="several instruments"),
        drums("drums_only"),
    ]  # fmt: skip
    settings = list(itertools.product((96, 220, 480, 960), (0, 1), (0, 6, 12)))
    order = np.random.default_rng(SEED).permutation(len(settings))
    for i, piece in enumerate(pieces):
        piece.ppq, piece.smf_type, piece.jitter_ms = settings[order[i % len(order)]]
    for piece, stem in zip(pieces, RYAN, strict=False):
        piece.jitter_ms = 18 if stem in HARD else piece.jitter_ms
    for piece in pieces:
        piece.smf_type = 1 if piece.silent_tracks else piece.smf_type
    return pieces


def perform(piece):
    """Play a piece as a person would: moved and shortened notes, accents, a tempo that breathes.

    Returns:
        (bytes of the MIDI file, dict of the performance for the manifest)
    """
    rng = np.random.default_rng([SEED, zlib.crc32(piece.name.encode())])
    tempo, articulation = int(rng.integers(80, 133)), rng.uniform(0.86, 0.98)
    midi = mido.MidiFile(type=piece.smf_type, ticks_per_beat=piece.ppq)
    tracks = [conductor_events(piece, tempo, rng)]
    for part in piece.parts:
        tracks.append(part_events(part, piece, tempo, articulation, rng))
    for silent in range(piece.silent_tracks):
        tracks.append([(0, 0, mido.Message("program_change", channel=4 + silent, program=48))])
    for events in [sum(tracks, [])] if piece.smf_type == 0 else tracks:
        midi.tracks.append(to_track(events))
    buffer = io.BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue(), {"tempo": tempo, "articulation": round(articulation, 3)}


def conductor_events(piece, tempo, rng):
    """List (tick, order, message) of metre, key and a tempo that changes every 16 quarters."""
    beats, unit = map(int, piece.metre.split("/"))
    events = [
        (0, 0, mido.MetaMessage("track_name", name=piece.name)),
        (0, 0, mido.MetaMessage("time_signature", numerator=beats, denominator=unit)),
        (0, 0, mido.MetaMessage("key_signature", key=FIFTHS[piece.fifths + 7])),
    ]
    for quarter in range(0, pianoroll.n_steps(piece.truth) // pianoroll.RESOLUTION, 16):
        now = mido.bpm2tempo(tempo * rng.uniform(0.96, 1.04))
        events.append((quarter * piece.ppq, 0, mido.MetaMessage("set_tempo", tempo=now)))
    return events


def part_events(part, piece, tempo, articulation, rng):
    """List (tick, order, message) of one part; at one tick, notes end before others begin."""
    notes, program, channel = part
    events = [(0, 1, mido.Message("program_change", channel=channel, program=program))]
    if piece.switch_program is not None:
        middle = pianoroll.n_steps(notes) // 2 * piece.ppq // pianoroll.RESOLUTION
        switch = mido.Message("program_change", channel=channel, program=piece.switch_program)
        events.append((middle, 1, switch))
    starts, ends = played_ticks(notes, piece, tempo, articulation, rng)
    accent = 12 * (notes["onset"] % pianoroll.steps_of(piece.metre) == 0)
    velocity = np.clip(rng.normal(72, 6, len(notes)) + accent, 1, 127).astype(int)
    for start, end, loud, pitch in zip(starts, ends, velocity, notes["pitch"], strict=True):
        key = {"channel": channel, "note": int(pitch)}
        events.append((int(start), 3, mido.Message("note_on", velocity=int(loud), **key)))
        events.append((int(end), 2, mido.Message("note_off", velocity=0, **key)))
    return events


def played_ticks(notes, piece, tempo, articulation, rng):
    """Move and shorten notes; no note runs into the next one of the same pitch.

    Returns:
        (start ticks, end ticks), two int arrays.
    """
    spread = piece.jitter_ms / 1000 * tempo / 60 * pianoroll.RESOLUTION  # in time steps
    jitter = np.clip(rng.normal(0, 1, (2, len(notes))), -2, 2) * spread
    start = np.maximum(notes["onset"] + jitter[0], 0)
    end = notes["onset"] + notes["duration"] * articulation + jitter[1] / 2
    ticks = piece.ppq / pianoroll.RESOLUTION
    start, end = np.rint(start * ticks).astype(int), np.rint(end * ticks).astype(int)
    end = np.maximum(end, start + int(ticks))
    for pitch in np.unique(notes["pitch"]):
        same = np.flatnonzero(notes["pitch"] == pitch)
        end[same[:-1]] = np.minimum(end[same[:-1]], start[same[1:]])
    return start, end


def to_track(events):
    """Turn (tick, order, message) into a MIDI track of messages with delta times."""
    track, now = mido.MidiTrack(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return track


def broken_files(good):
    """Make five files that no tool should stumble over; `good` is a healthy MIDI file."""
    silent = io.BytesIO()
    midi = mido.MidiFile(ticks_per_beat=480)
    name = mido.MetaMessage("track_name", name="silence")
    midi.tracks.append(to_track([(0, 0, name), (1920, 0, mido.MetaMessage("set_tempo"))]))
    midi.save(file=silent)
    return {
        "broken_zero_bytes": (b"", "unreadable"),
        "broken_text": (b"This is a text, whatever its name says.\n", "unreadable"),
        "broken_cut_short": (good[: len(good) * 3 // 5], "unreadable"),
        "broken_ppq_zero": (good[:12] + b"\0\0" + good[14:], "unreadable"),
        "broken_no_notes": (silent.getvalue(), "no notes"),
    }


def write(path, data):
    """Write bytes whole or not at all."""
    with runtime.atomic_path(path) as temporary:
        temporary.write_bytes(data)


def csv_bytes(rows):
    """Write rows as CSV with plain line ends, the same on every system."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def main(folder=HERE):
    """Write midi/, truth/ and manifest.csv into a folder.

    Returns:
        Path of the manifest.
    """
    folder, rows, good = Path(folder), [MANIFEST], None
    for piece in collection():
        data, played = perform(piece)
        good = good or data
        write(folder / "midi" / f"{piece.name}.mid", data)
        if piece.reason != "drums only":  # hits, not notes
            truth = csv_bytes([pianoroll.NOTE_DTYPE.names, *piece.truth.tolist()])
            write(folder / "truth" / f"{piece.name}.csv", truth)
        rows.append(manifest_row(piece, data, played))
    for name, (data, reason) in broken_files(good).items():
        write(folder / "midi" / f"{name}.mid", data)
        blank = [""] * (len(MANIFEST) - 5)
        rows.append([f"{name}.mid", "left out", reason, *blank, "our own", sha256(data)])
    write(folder / "manifest.csv", csv_bytes(rows))
    return folder / "manifest.csv"


def manifest_row(piece, data, played):
    """List what the manifest says of one piece, in the order of MANIFEST."""
    programs = sorted({program for _, program, _ in piece.parts})
    quarters = pianoroll.n_steps(piece.truth) / pianoroll.RESOLUTION
    truth = "" if piece.reason == "drums only" else f"{piece.name}.csv"
    return [f"{piece.name}.mid", piece.expected, piece.reason, truth, piece.metre,
            " ".join(map(str, programs)), len(piece.truth), f"{quarters:g}", piece.ppq,
            piece.smf_type, piece.jitter_ms, played["articulation"], played["tempo"],
            piece.source, sha256(data)]  # fmt: skip


def sha256(data):
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
