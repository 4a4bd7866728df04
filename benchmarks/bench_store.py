"""What a store costs, beside the format of the first attempt and beside other libraries.

Usage: python benchmarks/bench_store.py. All rows of a table come from one run and the same songs.
"""

import itertools
import json
import pickle
import sys
import tempfile
import time
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lstmgan_utils import corpus, pianoroll, windows
from lstmgan_utils.corpus import store, tunes
from lstmgan_utils.corpus.songs import unpack_row
from lstmgan_utils.pianoroll import MAX_STEPS, N_PITCHES, RESOLUTION

N_SONGS = 20_000  # as many as the first attempt had
N_TIMED = 40


def best_of(action, repeats=5, clock=time.perf_counter):
    """Time an action: seconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = clock()
        action()
        times.append(clock() - start)
    return min(times)


def row(name, value, target="", reached=None):
    """Print one line of a table; `reached` None where there is no target."""
    mark = {None: "", True: "yes", False: "NO"}[reached]
    print(f"{name:<58} {value:>16}  {target:<14} {mark}")
    return reached is not False


def large_store(songs, path):
    """Write the built-in tunes again and again, until there are as many as the original had."""
    pairs = [(notes, unpack_row(record)) for notes, record in zip(songs, songs.rows, strict=True)]
    store.write_store(path, itertools.islice(itertools.cycle(pairs), N_SONGS))


def original_way(path):
    """Load a song as the first attempt did: unzip, unpickle anything, make an array."""
    with zipfile.ZipFile(path) as archive:
        return np.array(pickle.loads(archive.read(archive.namelist()[0])))


def bench_sizes(songs, folder):
    """Compare sizes: the store, the zips of the first attempt, and what is in them."""
    path = folder / "large.store"
    large_store(songs, path)
    zips = [corpus.write_original(pianoroll.encode(notes), folder / f"{i}.zip", pitch_first=True)
            for i, notes in enumerate(songs[:N_TIMED])]  # fmt: skip
    a_song = path.stat().st_size / N_SONGS
    a_zip = np.mean([file.stat().st_size for file in zips])
    unpacked = np.mean([zipfile.ZipFile(file).infolist()[0].file_size for file in zips])
    size = path.stat().st_size / 1e6
    opening = 1000 * best_of(lambda: corpus.open_store(path))
    array = MAX_STEPS * N_PITCHES * 8
    return zips, [
        row(f"store of {N_SONGS:,} songs", f"{size:.1f} MB", "<= 40 MB", size <= 40),
        row("opening it, every byte checked", f"{opening:.1f} ms", "<= 50 ms", opening <= 50),
        row("a float64 array over a song of the store", f"{array / a_song:,.0f} x", ">= 10,000 x",
            array / a_song >= 10_000),
        row("an unzipped pickle over a song of the store", f"{unpacked / a_song:,.0f} x",
            ">= 10,000 x", unpacked / a_song >= 10_000),
        row("a zipped pickle over a song of the store", f"{a_zip / a_song:,.0f} x", ">= 10 x",
            a_zip / a_song >= 10),
    ]  # fmt: skip


def bench_drawing(songs, zips):
    """Compare the times to draw a full roll."""
    some = [notes.copy() for notes in songs[: len(zips)]]
    slow = np.median([best_of(lambda z=z: original_way(z), 1) for z in zips[:5]])
    safe = np.median([best_of(lambda z=z: corpus.read_original(z), 1) for z in zips[:5]])
    draw = np.median([best_of(lambda n=n: pianoroll.encode(n, MAX_STEPS), 9) for n in some])
    fill = best_of(lambda: np.empty((MAX_STEPS, N_PITCHES), np.uint8).fill(0), 50)
    return [
        row("full roll from unzip, pickle.loads, np.array", f"{1000 * slow:.0f} ms"),
        row("full roll from our safe reader of the same zip", f"{1000 * safe:.0f} ms"),
        row("full roll from the store", f"{1000 * draw:.3f} ms"),
        row("  faster than the original by", f"{slow / draw:,.0f} x", ">= 1,000 x",
            slow / draw >= 1000),
        row("  of the speed of filling the memory with zeros", f"{fill / draw:.2f} x", ">= 0.5 x",
            fill / draw >= 0.5),
    ]  # fmt: skip


def pretty_midi_ways(notes):
    """Give (encode, decode) by pretty_midi, which has no way back."""
    import pretty_midi

    player = pretty_midi.Instrument(0)
    for onset, duration, pitch in notes.tolist():
        times = onset / RESOLUTION, (onset + duration) / RESOLUTION
        player.notes.append(pretty_midi.Note(100, pitch, *times))
    return lambda: player.get_piano_roll(fs=RESOLUTION), None


def muspy_ways(notes):
    """Give (encode, decode) by muspy."""
    import muspy

    rows = [muspy.Note(onset, pitch, duration, 100) for onset, duration, pitch in notes.tolist()]
    music = muspy.Music(resolution=RESOLUTION, tracks=[muspy.Track(notes=rows)])
    encode = music.to_pianoroll_representation
    roll = encode()
    return encode, lambda: muspy.from_pianoroll_representation(roll, resolution=RESOLUTION)


def pypianoroll_ways(notes):
    """Give (encode, decode) by pypianoroll, which goes by way of pretty_midi."""
    import pypianoroll

    track = pypianoroll.BinaryTrack(pianoroll=pianoroll.encode(notes).astype(bool))
    rolls = pypianoroll.Multitrack(resolution=RESOLUTION, tracks=[track])
    midi = rolls.set_nonzeros(100).to_pretty_midi()
    return lambda: pypianoroll.from_pretty_midi(midi, RESOLUTION), rolls.to_pretty_midi


def bench_rivals(songs):
    """Compare encoding and decoding with other libraries, on the longest built-in tune."""
    notes = songs[int(np.argmax(songs.table["n_steps"]))].copy()
    roll = pianoroll.encode(notes)
    encode, decode = best_of(lambda: pianoroll.encode(notes), 30), best_of(
        lambda: pianoroll.decode(roll), 30)  # fmt: skip
    lines = [row(f"encode {len(notes)} notes, {len(roll)} steps", f"{1e3 * encode:.3f} ms"),
             row("decode them", f"{1e3 * decode:.3f} ms")]  # fmt: skip
    for ways in (pretty_midi_ways, muspy_ways, pypianoroll_ways):
        name = ways.__name__.removesuffix("_ways")
        try:
            theirs, back = ways(notes)
        except ImportError:
            row(f"  {name}", "not installed")
            continue
        ratio = best_of(theirs, 10) / encode
        lines.append(row(f"  encode: {name} takes", f"{ratio:.1f} x", ">= 1 x", ratio >= 1))
        if back:
            ratio = best_of(back, 10) / decode
            lines.append(row(f"  decode: {name} takes", f"{ratio:.1f} x", ">= 1 x", ratio >= 1))
    return lines


def bench_reading(n_tunes=40):
    """Time a first read of some built-in tunes, by music21's score and its tokens, and the cache.

    The processor's time is what counts, so that a busy machine does not turn into a slow reader.
    """
    from music21 import converter

    jobs = [arguments for _, arguments in tunes.list_tunes()[:: 4420 // n_tunes]][:n_tunes]
    tunes.read_tune(*jobs[0])  # imports
    clock = time.process_time
    ours = best_of(lambda: [tunes.read_tune(*job) for job in jobs], 3, clock) / n_tunes
    parse = best_of(lambda: [pianoroll.notes_from_score(converter.parse(text, format="abc"))
                             for *_, text in jobs], 2, clock) / n_tunes  # fmt: skip
    cached = best_of(corpus.builtin_tunes)
    cold = 4420 * ours / 2
    return [
        row("a tune read by music21", f"{1000 * parse:.1f} ms"),
        row("  from its tokens, without the score", f"{1000 * ours:.1f} ms"),
        row("  faster by, on one core", f"{parse / ours:.1f} x", ">= 3 x", parse / ours >= 3),
        row("all built-in tunes on two cores, extrapolated", f"{cold:.0f} s", "< 240 s",
            cold < 240),
        row("all built-in tunes from the cache", f"{1000 * cached:.1f} ms", "< 1 s", cached < 1),
    ]  # fmt: skip


def bench_feeding(songs, n_batches=30):
    """Time the windows that training draws on one core, beside what the shipped run consumed."""
    record = json.loads((resources.files("lstmgan_utils") / "weights/folk/record.json").read_text())
    consumed = record["batches"] / (60 * record["minutes"])  # batches a second, on two cores
    batches = iter(windows.roll_batches(windows.prepare(songs), 768, 32))
    next(batches)  # the first one waits for TensorFlow
    start = time.process_time()
    for _ in range(n_batches):
        next(batches)
    fed = n_batches / (time.process_time() - start)
    return [
        row("tf.data windows of (32, 768, 128), a second of one core", f"{fed:.0f}"),
        row("  what the laptop run consumed, a second of two cores", f"{consumed:.1f}"),
        row("  more by", f"{fed / consumed:.0f} x", ">= 20 x",
            fed / consumed >= 20),
    ]  # fmt: skip


def main():
    """Print all tables.

    Returns:
        bool, whether every target was reached.
    """
    songs = corpus.builtin_tunes()
    with tempfile.TemporaryDirectory() as folder:
        zips, lines = bench_sizes(songs, Path(folder))
        lines += bench_drawing(songs, zips)
    return all(lines + bench_rivals(songs) + bench_reading() + bench_feeding(songs))


@pytest.mark.benchmark
def test_store_reaches_its_targets():
    assert main()


if __name__ == "__main__":
    sys.exit(not main())
