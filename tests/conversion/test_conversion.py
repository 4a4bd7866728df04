"""MIDI to MXL: faithful to the truth of data_sample, resumable, and clear when it cannot."""

import csv
import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_builder import midi, play, scale, track, tune

from benchmarks import bench_faults
from benchmarks.written_notes import read_notes
from lstmgan_utils import pianoroll, runtime
from lstmgan_utils.conversion import beats, engines, quantizer, score_check
from lstmgan_utils.folder_jobs import Manifest, read_manifest
from lstmgan_utils.pianoroll import musicxml
from lstmgan_utils.pianoroll.midi import TIMED_NOTE, Part, Performance, read_performance
from lstmgan_utils.pianoroll.safe_reading import read_musicxml

SAMPLE = Path(__file__).parents[2] / "data_sample"
HAS_MUSESCORE = runtime.find_musescore() is not None
needs_musescore = pytest.mark.skipif(not HAS_MUSESCORE, reason="MuseScore is not installed")
needs_unix = pytest.mark.skipif(sys.platform == "win32", reason="signals and programs of Unix")
TARGETS = {0: (0.999, 0.98), 6: (0.995, 0.95), 12: (0.995, 0.95), 18: (0.95, 0.85)}


def convert(folder, engine="python", target="mxl", n_jobs=1, **settings):
    """Convert a folder into one inside it; return the rows of its manifest."""
    settings = {"engine": engine, "n_jobs": n_jobs, "progress": False} | settings
    return read_manifest(engines.convert_folder(folder, folder / target, **settings))


def make(folder, n):
    """Write n tunes; return their paths."""
    return [tune(folder / f"{number:02}.mid") for number in range(n)]


def program(path, *lines):
    """Write a program in sh."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


with open(SAMPLE / "manifest.csv", newline="") as stream:
    PIECES = [row for row in csv.DictReader(stream) if row["truth"]]


def written_rows(path):
    """Read (onset, end, pitch) of an MXL."""
    notes = read_notes(read_musicxml(path))
    return [(round(on), round(end), pitch) for on, end, pitch in notes.tolist()]


@pytest.mark.parametrize("jitter", TARGETS)
def test_the_quantiser_meets_its_targets_on_the_sample(jitter):
    def f1(found, truth):
        return 2 * len(found & truth) / (len(found) + len(truth))

    scores = []
    for piece in PIECES:
        if int(piece["jitter_ms"]) == jitter:
            parts, _ = quantizer.quantize(read_performance(SAMPLE / "midi" / piece["file"]))
            found = {tuple(row) for part in parts for row in part.notes.tolist()}
            rows = np.loadtxt(SAMPLE / "truth" / piece["truth"], int, delimiter=",", skiprows=1)
            truth = {(on, on + duration, pitch) for on, duration, pitch in rows.tolist()}
            onsets = [{(on, pitch) for on, _, pitch in notes} for notes in (found, truth)]
            scores.append((f1(*onsets), f1(found, truth)))
    assert len(scores) >= 3
    assert (np.mean(scores, axis=0) >= TARGETS[jitter]).all()


@pytest.mark.parametrize("pace", [24, 12, 8, 6, 4, 3])
def test_steady_notes_come_out_on_their_own_grid(pace):
    truth = np.arange(0, 24 * 32, pace)
    jitter = np.random.default_rng(pace).normal(0, 0.3, len(truth))
    onsets, _, shares = quantizer.find_grid(truth + jitter)
    assert (onsets == truth).all()
    assert ("triplet" in max(shares, key=shares.get)) == (pace in (8, 4))


def test_an_even_performance_is_lengthened_and_a_rest_stays_a_rest():
    onsets = np.arange(0, 24 * 16, 24)
    lengths = np.full(16, 0.9 * 24)
    lengths[::4] = 0.9 * 12  # these are eighths, followed by a rest
    ends = quantizer.find_ends(onsets, lengths, 0.1)
    assert (ends - onsets).tolist() == [12, 24, 24, 24] * 4


@pytest.mark.parametrize(("held", "gap"), [(1, 0), (1, 1), (1, 10), (0.95, 0), (0.8, 0)])
def test_exported_notes_keep_their_lengths_and_ornaments_have_no_say(tmp_path, held, gap):
    lengths = np.tile([1, 0.5, 0.5, 0.25, 0.25, 0.5, 2, 3], 12)
    onsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    pitches = 60 + np.arange(96) % 12
    rows = list(zip(onsets, lengths * held - gap / 480, pitches.tolist(), strict=True))
    events, now, ornamented = [], 0, set(onsets[::8] * 480)
    for delta, data in play(rows):
        events.append((delta, data))
        now += delta
        if data[2] and now in ornamented:  # with a note that is struck and let go at one tick
            events += [(0, b"\x90\x50\x3c"), (0, b"\x80\x50\0")]
    (tmp_path / "a.mid").write_bytes(midi(track(*events)))
    performance = read_performance(tmp_path / "a.mid")
    part = quantizer.quantize(performance)[0][0]
    truth = np.column_stack([onsets * 24, (onsets + lengths) * 24, pitches])
    assert part.notes.tolist() == truth.tolist()
    assert performance.flaws == ("12 ornaments without length were left out",)


def test_a_track_ends_at_its_end_and_a_note_without_end_with_the_music(tmp_path):
    over = (0, b"\xff\x2f\0")
    unheard = [(0, b"\x90\x48\x50"), (480, b"\x80\x48\0")]
    hangs = [(0, b"\x90\x30\x50"), (480 * 900, b"\xb0\x40\0")]  # the pedal, 900 quarters later
    (tmp_path / "a.mid").write_bytes(midi(track(*play(scale(8)), *hangs, over, *unheard)))
    performance = read_performance(tmp_path / "a.mid")
    assert performance.flaws == ("1 notes were never ended",)
    (part,), _ = quantizer.quantize(performance)
    assert part.notes[-1].tolist() == [192, 216, 48] and len(part.notes) == 9


def test_repeated_notes_stay_apart_and_doubled_ones_merge():
    rows = quantizer.keep_apart(*np.array([(0, 30, 60), (12, 24, 60), (12, 36, 60)]).T)
    assert rows.tolist() == [[0, 12, 60], [12, 36, 60]]


NOTES = st.tuples(st.integers(0, 400), st.integers(1, 200), st.integers(0, 127))


@settings(max_examples=20, deadline=None)
@given(st.lists(NOTES, min_size=1, max_size=30), st.sampled_from([(4, 4), (6, 8), (3, 8), (5, 4)]))
def test_what_is_written_reads_back_note_for_note(tmp_path_factory, rows, metre):
    path = tmp_path_factory.mktemp("x") / "a.mxl"
    notes = quantizer.keep_apart(*np.array([(on, on + d, pitch) for on, d, pitch in rows]).T)
    part = Part(0, False, "", notes)
    musicxml.write_mxl([part], Performance([part], [(0, *metre)], [], []), path)
    by_music21 = [(on, on + d, pitch) for on, d, pitch in pianoroll.read_score(path).tolist()]
    expected = sorted(map(tuple, notes.tolist()))
    assert sorted(written_rows(path)) == sorted(by_music21) == expected


@pytest.mark.parametrize("engine", ["python", pytest.param("musescore", marks=needs_musescore)])
def test_each_engine_writes_the_tune_that_was_played(tmp_path, engine):
    tune(tmp_path / "a.mid", program=40)
    (row,) = convert(tmp_path, engine)
    found = [row[column] for column in ("status", "engine", "notes", "programs")]
    assert found == ["converted", engine, "32", "40:32"]
    expected = [(round(on * 24), round((on + d) * 24), pitch) for on, d, pitch in scale()]
    assert written_rows(tmp_path / "mxl" / "a.mxl") == expected


@needs_musescore
def test_auto_asks_musescore_only_in_doubt_and_writes_down_why(tmp_path, monkeypatch):
    tune(tmp_path / "a.mid")
    (row,) = convert(tmp_path, "auto", "sure")
    assert row["engine"] == "python" and "musescore" not in row["reason"]
    monkeypatch.setattr(engines, "DOUBT", -1)
    (row,) = convert(tmp_path, "auto", "doubt")
    costs = {name: float(cost) for cost, name in re.findall(r"([\d.]+) \((\w+)", row["reason"])}
    assert row["engine"] == min(costs, key=costs.get) and len(costs) == 2


def play_live(path, seconds, pitches=(60, 64, 67, 72)):
    """Write notes at these seconds into a file that says 120 quarters a minute; four a beat."""
    lengths = [*np.diff(seconds) * 0.9, 0.2]
    rows = [(2 * on, 2 * length, pitches[i % 4] + 5 * (i // 16 % 2) - 12 * (i % 4 == 0))
            for i, (on, length) in enumerate(zip(seconds, lengths, strict=True))]  # fmt: skip
    path.write_bytes(midi(track(*play(rows))))


def test_beats_are_heard_where_the_ticks_carry_none(tmp_path):
    rng = np.random.default_rng(0)
    pace = 0.17 + 0.0255 * np.sin(np.arange(256) / 20)  # of a sixteenth: 77 to 104 beats a minute
    live = np.cumsum(pace) + rng.normal(0, 0.01, 256)
    live[160:] += 20  # a pause, which is written as six beats
    play_live(tmp_path / "live.mid", live)
    play_live(tmp_path / "free.mid", np.cumsum(rng.exponential(0.3, 256)))
    free, row = convert(tmp_path, "auto")
    assert free["status"] == "failed" and free["reason"].startswith("no steady beat found")
    assert row["engine"] == "python" and "beats were found by ear" in row["reason"]
    if HAS_MUSESCORE:  # it would count the recorder's beats
        _, row = convert(tmp_path, "musescore", "other")
        assert row["status"] == "failed" and "use engine='python'" in row["reason"]
    onsets = np.array([on for on, _, _ in written_rows(tmp_path / "mxl" / "live.mxl")])
    ahead = onsets - onsets[0] - np.arange(256) * 6
    assert (ahead == np.repeat([0, 6 * 24], [160, 96])).mean() > 0.98
    xml = read_musicxml(tmp_path / "mxl" / "live.mxl").decode()
    tempos = [float(tempo) for tempo in re.findall(r'<sound tempo="([0-9.]+)"', xml)]
    assert 75 < np.quantile(tempos, 0.2) < 90 and 95 < max(tempos) < 110


def test_ticks_that_carry_the_beat_are_believed():
    for piece in PIECES:
        performance = read_performance(SAMPLE / "midi" / piece["file"])
        assert beats.find_beat(performance) is performance, piece["file"]


QUARTERS = [(i * 24, i * 24 + 24, 60) for i in range(10)]  # onset, end, pitch


def check(rows):
    """Compare (onset, end, pitch) rows of a score with ten quarters that were played late."""
    played = np.array([(on + 0.4, end - 3, 60) for on, end, _ in QUARTERS], TIMED_NOTE)
    performance = Performance([Part(0, False, "", played)], [], [], [])
    return score_check.check_score(performance, np.array(rows))


def test_the_cost_knows_a_good_score_from_bad_ones():
    shifted = [(on + 1, end + 1, 60) for on, end, _ in QUARTERS]
    odd_ends = [(on, end - on % 48 // 2, 60) for on, end, _ in QUARTERS[:-1]] + QUARTERS[-1:]
    more = [*QUARTERS, (300, 310, 60)]
    best, *others = (check(rows)[0] for rows in (QUARTERS, shifted, odd_ends, more))
    assert best == pytest.approx(0.4 + 0.5 / 10)  # the move of each note; the end of the last
    assert best < min(others)


def test_what_a_score_lost_or_added_is_written_down():
    assert check(QUARTERS)[2] == []
    assert check(QUARTERS[1:])[2] == ["1 notes missing"]
    assert check([*QUARTERS, (240, 264, 60)])[2] == ["1 notes too many"]
    with pytest.raises(ValueError, match="lost 10 of 10"):
        check(np.array(QUARTERS) + [0, 0, 1])


def test_a_key_struck_twice_at_once_is_no_loss(tmp_path):
    twice = [(0, b"\x90\x3c\x50"), (0, b"\x90\x3c\x50"), (480, b"\x80\x3c\0"), (0, b"\x80\x3c\0")]
    (tmp_path / "a.mid").write_bytes(midi(track(*twice, *play(scale(8)))))
    (row,) = convert(tmp_path)
    assert (row["missing"], row["notes"]) == ("0", "9")
    assert "1 struck twice at once, written once" in row["reason"]


@needs_musescore
def test_the_file_that_stops_a_batch_is_found_and_the_rest_is_made(tmp_path):
    files = make(tmp_path, 6)
    for n, data in ((1, b"not MIDI"), (3, b""), (5, b"RIFF")):
        files[n].write_bytes(data)
    (tmp_path / "work").mkdir()
    found = engines.ask_musescore(runtime.find_musescore(), files, tmp_path / "work", 60)
    assert [(path.is_file(), bool(reason)) for path, reason in found] == [(1, 0), (0, 1)] * 3


@needs_unix
@pytest.mark.parametrize(
    ("line", "reason"), [("sleep 60", "more than 1 s"), ("exit 0", "wrote nothing")]
)
def test_a_program_that_hangs_or_lies_is_no_success(tmp_path, monkeypatch, line, reason):
    monkeypatch.setenv("MUSESCORE", str(program(tmp_path / "program", line)))
    tune(tmp_path / "a.mid")
    start = time.monotonic()
    (row,) = convert(tmp_path, "musescore", timeout=1)
    assert row["status"] == "failed" and reason in row["reason"]
    assert time.monotonic() - start < 20


def test_nothing_is_done_twice_and_a_changed_file_is_done_again(tmp_path):
    make(tmp_path, 3)
    (tmp_path / "bad.mid").write_bytes(b"")

    def n_lines():
        convert(tmp_path)
        return (tmp_path / "mxl" / "conversion.csv").read_text().count("\n")

    assert [n_lines(), n_lines()] == [5, 5]
    (tmp_path / "mxl" / "00.mxl").unlink()
    assert n_lines() == 6
    tune(tmp_path / "bad.mid")
    assert n_lines() == 7


def test_no_two_files_share_a_score():
    ends = ("", *engines.SUFFIXES, ".MID", ".Mid")
    names = [f"{folder}a{one}{two}" for folder in ("", "b/") for one in ends for two in ends[1:]]
    assert len(set(map(engines.name_output, names))) == len(names)
    expected = {"a.mid": "a.mxl", "A.MID": "A.MID.mxl", "b/a.kar": "b/a.kar.mxl"}
    assert {name: engines.name_output(name) for name in expected} == expected


@needs_unix
def test_a_job_killed_again_and_again_loses_nothing_and_leaves_nothing_behind(tmp_path):
    table = bench_faults.survive(tmp_path, n_files=60, n_kills=3)
    assert table.loc["bad files among them", "found"] == 3
    assert table.loc["kills before the end", "found"] >= 1  # the last one may come too late
    assert set(table.index[table["met"].eq(False)]) <= {"kills before the end"}


@needs_unix
def test_a_killed_job_takes_its_musescore_with_it(tmp_path):
    make(tmp_path, 64)
    started = tmp_path / "started"
    hangs = program(tmp_path / "hangs", f'echo $$ >> "{started}"', "exec sleep 60")
    code = (
        "import sys; from lstmgan_utils.conversion import convert_folder\n"
        "convert_folder(sys.argv[1], sys.argv[2], engine='musescore', n_jobs=2, progress=False)"
    )
    environment = os.environ | {"MUSESCORE": str(hangs), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", code, tmp_path, tmp_path / "mxl"]
    job = subprocess.Popen(command, env=environment)
    while not started.is_file() or started.read_text().count("\n") < 2:
        assert job.poll() is None
        time.sleep(0.05)
    ids = [int(line) for line in started.read_text().split()]
    programs = [psutil.Process(number) for number in ids if psutil.pid_exists(number)]
    job.kill()
    job.wait()
    assert len(programs) == 2 and psutil.wait_procs(programs, timeout=20)[1] == []


def test_an_interrupted_job_goes_on_in_the_same_kernel(tmp_path, monkeypatch):
    make(tmp_path, 60)
    add = Manifest.add

    def interrupt(self, row):
        add(self, row)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Manifest, "add", interrupt)
        convert(tmp_path, n_jobs=2)
    assert len(convert(tmp_path, n_jobs=2)) == 60
    rows = (tmp_path / "mxl" / "conversion.csv").read_text().splitlines()[1:]
    assert len({row.split(",")[0] for row in rows}) == len(rows) == 60
    assert {path.suffix for path in (tmp_path / "mxl").iterdir()} == {".csv", ".mxl"}


def test_a_dask_cluster_does_what_one_process_does(tmp_path):
    distributed = pytest.importorskip("distributed")
    import joblib

    make(tmp_path, 8)
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        convert(tmp_path, target="dask", n_jobs=None)
    convert(tmp_path, target="one", n_jobs=1)
    made = [{path.name: path.read_bytes() for path in (tmp_path / target).glob("*.mxl")}
            for target in ("dask", "one")]  # fmt: skip
    assert made[0] == made[1] and len(made[0]) == 8


@pytest.mark.parametrize(
    ("prepare", "settings", "words"),
    [
        (Path.mkdir, {}, "holds no MIDI file"),
        (lambda path: None, {}, "is no folder"),
        (Path.touch, {}, "is no folder"),
        (Path.mkdir, {"engine": "sibelius"}, "'sibelius' is unknown; choose one of"),
    ],
)
def test_a_mistake_gets_one_clear_sentence(tmp_path, prepare, settings, words):
    prepare(tmp_path / "midi")
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        engines.convert_folder(tmp_path / "midi", tmp_path / "mxl", **settings)
    assert not (tmp_path / "mxl").exists()


def test_a_folder_without_the_right_to_read_it(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    tune(tmp_path / "a.mid")
    look = os.scandir

    def refuse(path):  # chmod would not do: root may read everything
        if str(path).endswith(refused):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    refused = "theirs"
    rows = [(row["file"], row["status"]) for row in convert(tmp_path)]
    assert rows == [("a.mid", "converted"), ("theirs", "failed")]
    refused = tmp_path.name
    assert {row["file"]: row["status"] for row in convert(tmp_path)}["."] == "failed"


@pytest.mark.parametrize(
    ("engine", "found", "words"),
    [("musescore", "", "use engine='python'"), ("auto", "/no/such", "MUSESCORE is set to")],
)
def test_a_missing_musescore_is_said(tmp_path, monkeypatch, engine, found, words):
    monkeypatch.setenv("MUSESCORE", found)
    monkeypatch.setattr(runtime, "MUSESCORE_NAMES", ())
    with pytest.raises(FileNotFoundError, match=words):
        convert(tmp_path, engine)


@needs_unix
def test_a_full_disk_stops_the_job_and_it_goes_on_later(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    tune(tmp_path / "a.mid")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left on device"):
            convert(tmp_path)
    assert not read_manifest(tmp_path / "mxl" / "conversion.csv")  # the file was not to blame
    assert [row["status"] for row in convert(tmp_path)] == ["converted"]
