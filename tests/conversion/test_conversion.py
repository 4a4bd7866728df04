"""MIDI to MXL: faithful to the truth of data_sample, resumable, and clear when it cannot."""

import csv
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_builder import midi, play, scale, track, tune

from benchmarks import bench_faults
from lstmgan_utils import pianoroll, runtime
from lstmgan_utils.conversion import beats, engines, musescore, quantizer, score_check
from lstmgan_utils.folder_jobs import read_manifest
from lstmgan_utils.pianoroll import musicxml
from lstmgan_utils.pianoroll.midi import Part, Performance, read_performance
from lstmgan_utils.pianoroll.safe_reading import read_musicxml

SAMPLE = Path(__file__).parents[2] / "data_sample"
HAS_MUSESCORE = runtime.find_musescore() is not None
needs_musescore = pytest.mark.skipif(not HAS_MUSESCORE, reason="MuseScore is not installed")
TARGETS = {0: (0.999, 0.98), 6: (0.995, 0.95), 12: (0.995, 0.95), 18: (0.95, 0.85)}


def f1(found, truth):
    """Compare two sets of notes."""
    return 2 * len(set(found) & set(truth)) / (len(set(found)) + len(set(truth)))


def sample_pieces():
    """Give the manifest's rows of data_sample that have a truth."""
    with open(SAMPLE / "manifest.csv", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["truth"]]


def written_rows(path):
    """Read (onset, end, pitch) of an MXL."""
    notes, _ = score_check.read_notes(read_musicxml(path))
    return [(round(on), round(end), pitch) for on, end, pitch in notes.tolist()]


def write_part(rows, path, program=0, metres=()):
    """Write (onset, end, pitch) rows as an MXL."""
    part = Part(program, False, "", np.array(rows))
    return musicxml.write_mxl([part], Performance([part], list(metres), [], []), path)


@pytest.mark.parametrize("jitter", TARGETS)
def test_the_quantiser_meets_its_targets_on_the_sample(jitter):
    scores = []
    for piece in sample_pieces():
        if int(piece["jitter_ms"]) == jitter:
            parts, _ = quantizer.quantize(read_performance(SAMPLE / "midi" / piece["file"]))
            found = [tuple(row) for part in parts for row in part.notes.tolist()]
            with open(SAMPLE / "truth" / piece["truth"], newline="") as stream:
                truth = [tuple(map(int, row)) for row in list(csv.reader(stream))[1:]]
            truth = [(on, on + duration, pitch) for on, duration, pitch in truth]
            onsets = [[(on, pitch) for on, _, pitch in notes] for notes in (found, truth)]
            scores.append((f1(*onsets), f1(found, truth)))
    assert len(scores) >= 3
    onset_target, note_target = TARGETS[jitter]
    onset_f1, note_f1 = np.mean(scores, axis=0)
    assert onset_f1 >= onset_target and note_f1 >= note_target


@pytest.mark.parametrize("pace", [24, 12, 8, 6, 4, 3])
def test_steady_notes_come_out_on_their_own_grid(pace):
    rng = np.random.default_rng(pace)
    truth = np.arange(0, 24 * 32, pace)
    onsets, fit = quantizer.find_grid(truth + rng.normal(0, 0.3, len(truth)))
    assert (onsets == truth).all()
    assert ("triplet" in fit.describe()) == (pace in (8, 4))


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
    ornaments = [(on, 80) for on in onsets[::8]]  # struck and let go at one tick
    silent = [(round(on * 480), data) for on, p in ornaments
              for data in (bytes([0x90, p, 60]), bytes([0x80, p, 0]))]  # fmt: skip
    deltas = np.diff([0, *(tick for tick, _ in silent)])
    events = [(delta, data) for delta, (_, data) in zip(deltas.tolist(), silent, strict=True)]
    (tmp_path / "a.mid").write_bytes(midi(merge_tracks(play(rows), events)))
    performance = read_performance(tmp_path / "a.mid")
    (part,), _ = quantizer.quantize(performance)
    truth = np.column_stack([onsets * 24, (onsets + lengths) * 24, pitches])
    assert part.notes.tolist() == truth.tolist()
    assert performance.flaws == ("12 ornaments without length were left out",)


def merge_tracks(*lists):
    """Join lists of (delta ticks, bytes) into one track."""
    timed = []
    for events in lists:
        ticks = np.cumsum([delta for delta, _ in events]).tolist()
        timed += [(tick, data) for tick, (_, data) in zip(ticks, events, strict=True)]
    timed.sort(key=lambda event: event[0])
    deltas = np.diff([0, *(tick for tick, _ in timed)]).tolist()
    return track(*((delta, data) for delta, (_, data) in zip(deltas, timed, strict=True)))


def test_a_track_ends_at_its_end_and_a_note_without_end_with_the_music(tmp_path):
    over = (0, b"\xff\x2f\0")
    unheard = [(0, b"\x90\x48\x50"), (480, b"\x80\x48\0")]
    hangs = [(0, b"\x90\x30\x50"), (480 * 900, b"\xb0\x40\0")]  # the pedal, 900 quarters later
    (tmp_path / "a.mid").write_bytes(midi(track(*play(scale(8)), *hangs, over, *unheard)))
    performance = read_performance(tmp_path / "a.mid")
    assert performance.flaws == (
        "1 notes were never ended",
        "1 tracks went on after their end and were cut there",
    )
    (part,), _ = quantizer.quantize(performance)
    assert part.notes[-1].tolist() == [192, 288, 48] and len(part.notes) == 9
    ends = quantizer.find_ends(np.array([0, 24, 48]), np.zeros(3), 0.1)  # all without length
    assert ends[-1] <= 72


def test_a_file_that_begins_past_the_end_of_any_song_is_not_kept(tmp_path):
    silence = (480 * 900, b"\xb0\x40\0")
    (tmp_path / "a.mid").write_bytes(midi(track(silence, *play(scale(8)))))
    path = engines.convert_folder(
        tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False
    )
    (row,) = read_manifest(path)
    assert row["status"] == "failed" and "cut the silence" in row["reason"]


def test_repeated_notes_stay_apart_and_doubled_ones_merge():
    rows = quantizer.keep_apart(
        np.array([0, 12, 12]), np.array([30, 24, 36]), np.array([60, 60, 60])
    )
    assert rows.tolist() == [[0, 12, 60], [12, 36, 60]]


@given(st.integers(0, 95), st.integers(1, 2000))
def test_a_length_is_split_into_heads_that_exist(onset, length):
    pieces = musicxml.split_length(onset, length)
    assert sum(pieces) == length and set(pieces) <= set(musicxml.SHAPES)


note_rows = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 200), st.integers(0, 127)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=30, deadline=None)
@given(note_rows, st.sampled_from([(4, 4), (6, 8), (3, 8), (5, 4)]))
def test_what_is_written_reads_back_note_for_note(tmp_path_factory, rows, metre):
    path = tmp_path_factory.mktemp("x") / "a.mxl"
    columns = np.array([(on, on + length, pitch) for on, length, pitch in rows]).T
    notes = quantizer.keep_apart(*columns)
    write_part(notes, path, metres=[(0, *metre)])
    assert sorted(written_rows(path)) == sorted(map(tuple, notes.tolist()))


@settings(max_examples=8, deadline=None)
@given(note_rows)
def test_music21_reads_the_same_notes(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("x") / "a.mxl"
    notes = quantizer.keep_apart(*np.array([(on, on + d, pitch) for on, d, pitch in rows]).T)
    write_part(notes, path)
    found = pianoroll.read_score(path)
    rows = [(on, on + duration, pitch) for on, duration, pitch in found.tolist()]
    assert sorted(rows) == sorted(map(tuple, notes.tolist()))


def test_a_change_of_metre_cuts_a_measure_short():
    lines = musicxml.measure_lines([(0, 4, 4), (120, 3, 4)], 200)
    assert [(start, length) for start, length, *_ in lines] == [
        (0, 96),
        (96, 24),
        (120, 72),
        (192, 72),
    ]


def test_each_program_is_a_part_and_silence_is_none(tmp_path):
    switch = [*play(scale(4), program=0), *play(scale(4), program=19)]
    quiet = [(0, b"\xc3\x30")]
    (tmp_path / "a.mid").write_bytes(midi(track(*switch), track(*quiet), track(*play(scale(4), 9))))
    parts = read_performance(tmp_path / "a.mid").parts
    assert [(part.program, part.is_drum, len(part.notes)) for part in parts] == [
        (0, False, 4), (19, False, 4), (0, True, 4)]  # fmt: skip


@pytest.mark.parametrize("engine", ["python", pytest.param("musescore", marks=needs_musescore)])
def test_each_engine_writes_the_tune_that_was_played(tmp_path, engine):
    tune(tmp_path / "a.mid", program=40)
    path = engines.convert_folder(
        tmp_path, tmp_path / "mxl", engine=engine, n_jobs=1, progress=False
    )
    (row,) = read_manifest(path)
    assert (row["status"], row["engine"], row["notes"], row["programs"]) == (
        "converted", engine, "32", "40:32")  # fmt: skip
    expected = [(round(on * 24), round((on + d) * 24), pitch) for on, d, pitch in scale()]
    assert written_rows(tmp_path / "mxl" / "a.mxl") == expected


@needs_musescore
def test_auto_asks_musescore_only_in_doubt_and_writes_down_why(tmp_path, monkeypatch):
    tune(tmp_path / "a.mid")

    def convert(folder):
        path = engines.convert_folder(tmp_path, tmp_path / folder, n_jobs=1, progress=False)
        (row,) = read_manifest(path)
        return row["engine"], "musescore" in row["reason"]

    with monkeypatch.context() as patch:
        patch.setattr(musescore, "convert_batch", None)  # calling it would be an error
        assert convert("sure") == ("python", False)
    monkeypatch.setattr(engines, "DOUBT", -1)
    assert convert("doubt")[1]


def play_live(path, seconds, pitches=(60, 64, 67, 72)):
    """Write notes at these seconds into a file that says 120 quarters a minute; four a beat."""
    lengths = [*np.diff(seconds) * 0.9, 0.2]
    rows = [(2 * on, 2 * length, pitches[i % 4] + 5 * (i // 16 % 2) - 12 * (i % 4 == 0))
            for i, (on, length) in enumerate(zip(seconds, lengths, strict=True))]  # fmt: skip
    path.write_bytes(midi(track(*play(rows))))


def test_beats_are_heard_where_the_ticks_carry_none(tmp_path):
    rng = np.random.default_rng(0)
    pace = 0.17 * (
        1 + 0.15 * np.sin(np.arange(256) / 20)
    )  # seconds a sixteenth: 77 to 104 a minute
    live = np.cumsum(pace) + rng.normal(0, 0.01, 256)
    live[160:] += 20  # a pause, which is written as six beats
    play_live(tmp_path / "live.mid", live)
    play_live(tmp_path / "free.mid", np.cumsum(rng.exponential(0.3, 256)))
    for engine in ("auto", "musescore") if HAS_MUSESCORE else ("auto",):
        path = engines.convert_folder(
            tmp_path, tmp_path / engine, engine=engine, n_jobs=1, progress=False
        )
        rows = {row["file"]: row for row in read_manifest(path)}
        assert rows["free.mid"]["status"] == "failed"
        assert rows["free.mid"]["reason"].startswith("no steady beat found")
        if engine == "musescore":  # it would count the recorder's beats
            assert rows["live.mid"]["status"] == "failed"
    row = next(row for row in read_manifest(tmp_path / "auto" / "conversion.csv") if row["output"])
    assert row["engine"] == "python" and "beats were found by ear" in row["reason"]
    onsets = np.array([on for on, _, _ in written_rows(tmp_path / "auto" / "live.mxl")])
    ahead = onsets - onsets[0] - np.arange(256) * 6
    assert (ahead == np.repeat([0, 6 * 24], [160, 96])).mean() > 0.98
    xml = read_musicxml(tmp_path / "auto" / "live.mxl").decode()
    tempos = [float(tempo) for tempo in re.findall(r'<sound tempo="([0-9.]+)"', xml)]
    assert 75 < np.quantile(tempos, 0.2) < 90 and 95 < max(tempos) < 110


def test_ticks_that_carry_the_beat_are_believed():
    for piece in sample_pieces():
        performance = read_performance(SAMPLE / "midi" / piece["file"])
        assert beats.find_beat(performance) is performance, piece["file"]


def test_the_cheaper_score_is_chosen():
    checks = {
        "python": score_check.Check(10, 1, 0, 0, 0.0, 2.5),
        "musescore": score_check.Check(10, 1, 0, 0, 0.0, 1.5),
    }
    assert engines.choose(checks)[0] == "musescore"


def test_the_cost_knows_a_good_score_from_bad_ones():
    played = np.zeros(8, score_check.TIMED_NOTE)
    played["onset"] = np.arange(8) * 24 + 0.4
    played["end"] = played["onset"] + 21
    performance = Performance([Part(0, False, "", played)], [], [], [])

    def cost(rows):
        xml = musicxml.score_text([Part(0, False, "", np.array(rows))], [(0, 960, 4, 4)], [], [])
        return score_check.check_score(performance, xml.encode()).cost

    good = [(i * 24, i * 24 + 24, 0) for i in range(8)]
    shifted = [(i * 24 + 1, i * 24 + 25, 0) for i in range(8)]
    uneven = [(i * 24, i * 24 + (24, 12)[i % 2], 0) for i in range(8)]
    assert cost(good) < min(
        cost(shifted), cost(uneven), cost(good[1:]), cost([*good, (300, 310, 0)])
    )


def test_lengths_written_double_cost_more_than_right_ones():
    played = np.zeros(8, score_check.TIMED_NOTE)
    played["onset"] = np.arange(8) * 24
    played["end"] = played["onset"] + 12  # eighths and rests, or quarters held for their half
    right, double = played.copy(), played.copy()
    double["end"] += 12
    assert score_check.distance(played, right) == 0
    excess = 1 + np.log2(0.7)  # an octave too long, less what a player may let go early
    assert score_check.distance(played, double) == pytest.approx(4 * excess)


def test_what_a_score_lost_or_added_is_written_down():
    played = np.zeros(4, score_check.TIMED_NOTE)
    played["onset"], played["end"] = np.arange(4) * 24, np.arange(4) * 24 + 24
    performance = Performance([Part(0, False, "", played)], [], [], [])

    def losses(rows):
        xml = musicxml.score_text([Part(0, False, "", np.array(rows))], [(0, 960, 4, 4)], [], [])
        return engines.list_losses(score_check.check_score(performance, xml.encode()))

    whole = [(i * 24, i * 24 + 24, 0) for i in range(4)]
    assert losses(whole) == []
    assert losses(whole[:3]) == ["1 notes missing", "it ends 1.0 quarters early"]
    assert losses([*whole, (96, 144, 0)]) == ["1 notes too many", "it ends 2.0 quarters late"]


def test_a_key_struck_twice_at_once_is_no_loss(tmp_path):
    twice = [(0, b"\x90\x3c\x50"), (0, b"\x90\x3c\x50"), (480, b"\x80\x3c\0"), (0, b"\x80\x3c\0")]
    (tmp_path / "a.mid").write_bytes(midi(track(*twice, *play(scale(8)))))
    path = engines.convert_folder(
        tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False
    )
    (row,) = read_manifest(path)
    assert (row["missing"], row["notes"]) == ("0", "9")
    assert "1 struck twice at once, written once" in row["reason"]


@needs_musescore
def test_the_file_that_stops_a_batch_is_found_and_the_rest_is_made(tmp_path):
    files = [tune(tmp_path / f"{n}.mid") for n in range(5)]
    files[1].write_bytes(b"not MIDI")
    files[3].write_bytes(b"")
    work = tmp_path / "work"
    work.mkdir()
    made = list(musescore.convert_batch(runtime.find_musescore(), files, work, 60))
    assert [number for number, *_ in made] == [0, 1, 2, 3, 4]
    assert [path is not None for _, path, _ in made] == [True, False, True, False, True]
    assert all(reason for _, path, reason in made if path is None)


def test_a_program_that_hangs_or_lies_is_no_success(tmp_path, monkeypatch):
    hangs, lies = tmp_path / "hangs", tmp_path / "lies"
    hangs.write_text("#!/bin/sh\nsleep 60\n")
    lies.write_text("#!/bin/sh\nexit 0\n")
    tune(tmp_path / "a.mid")
    for program, reason in ((hangs, "more than 1 s"), (lies, "wrote nothing")):
        program.chmod(0o755)
        monkeypatch.setenv("MUSESCORE", str(program))
        start = time.monotonic()
        (row,) = read_manifest(
            engines.convert_folder(
                tmp_path, tmp_path / program.name[:2], engine="musescore", n_jobs=1, timeout=1,
                progress=False)
        )  # fmt: skip
        assert row["status"] == "failed" and reason in row["reason"]
        assert time.monotonic() - start < 20


def test_the_job_for_musescore_is_json_whatever_the_names():
    pairs = [(Path('a "b"\n🎵.mid'), Path("-x.mxl"))]
    assert json.loads(musescore.build_job(pairs)) == [{"in": 'a "b"\n🎵.mid', "out": "-x.mxl"}]


def test_nothing_is_done_twice_and_a_changed_file_is_done_again(tmp_path):
    for name in "abc":
        tune(tmp_path / f"{name}.mid")
    (tmp_path / "bad.mid").write_bytes(b"")

    def convert():
        path = engines.convert_folder(
            tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False
        )
        return path.read_text().count("\n")

    assert convert() == 5
    assert convert() == 5
    (tmp_path / "mxl" / "a.mxl").unlink()
    assert convert() == 6
    tune(tmp_path / "bad.mid")
    assert convert() == 7


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.mid", "b/a.mid"], ["a.mxl", "b/a.mxl"]),
        (["A.MID", "A.MID.mid", "a.mid"], ["A.mxl", "A.MID.mxl", "a.mid.2.mxl"]),
        (["x" * 251 + ".MID", "x" * 251 + ".mid"], ["x" * 251 + ".mxl"] * 2),
        (["ü" * 125 + ".KAR", "ü" * 125 + ".mid"], ["ü" * 125 + ".mxl"] * 2),
    ],
)
def test_no_two_files_share_a_score_and_no_name_is_too_long(names, expected):
    outputs = engines.name_outputs(names, {})
    assert len({output.casefold() for output in outputs.values()}) == len(names)
    assert all(len(os.fsencode(Path(output).name)) <= 255 for output in outputs.values())
    assert [output for output in outputs.values() if len(output) < 99] == [
        output for output in expected if len(output) < 99
    ]
    one_left = {names[-1]: {"output": outputs[names[-1]]}}  # of a job that was stopped
    assert engines.name_outputs(names, one_left)[names[-1]] == outputs[names[-1]]


def test_two_files_of_one_stem_get_two_scores(tmp_path):
    tune(tmp_path / "a.mid")
    tune(tmp_path / "A.MIDI", scale(16))
    path = engines.convert_folder(
        tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False
    )
    assert {row["output"].casefold() for row in read_manifest(path)} == {"a.mxl", "a.mid.mxl"}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_job_killed_again_and_again_loses_nothing_and_leaves_nothing_behind(tmp_path):
    table = bench_faults.survive(tmp_path, n_files=60, n_kills=3)
    assert table["bad files among them"]["found"] == 3
    assert table["kills before the end"]["found"] >= 1  # the last one may come too late
    missed = {row["measure"] for row in table if row["met"] is False}
    assert missed <= {"kills before the end"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_job_takes_its_musescore_with_it(tmp_path):
    for n in range(16):
        tune(tmp_path / f"{n:02}.mid")
    program, started = tmp_path / "hangs", tmp_path / "started"
    program.write_text(f'#!/bin/sh\necho $$ >> "{started}"\nexec sleep 60\n')
    program.chmod(0o755)
    code = (
        "import sys; from lstmgan_utils.conversion import convert_folder\n"
        "convert_folder(sys.argv[1], sys.argv[2], engine='musescore', n_jobs=2, progress=False)"
    )
    environment = os.environ | {"MUSESCORE": str(program), "PYTHONWARNINGS": "ignore"}
    job = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, tmp_path / "mxl"], env=environment
    )
    assert wait_for(lambda: started.is_file() and started.read_text().count("\n") == 2, 60)
    job.kill()
    job.wait()
    assert wait_for(lambda: not any(map(is_alive, started.read_text().split())), 20)


def wait_for(condition, seconds):
    """Wait until something holds, but no longer than this; tells whether it does."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def is_alive(process_id):
    """Tell whether a process runs; one that ended and that nobody asked about does not."""
    path = Path("/proc", process_id, "stat")
    return path.is_file() and path.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupted_job_goes_on_in_the_same_kernel(tmp_path):
    for n in range(60):
        tune(tmp_path / f"{n:02}.mid")
    code = (
        "import os, signal, sys, time, threading\n"
        "from lstmgan_utils import conversion, folder_jobs as manifest\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # nohup ignores it
        "extend = manifest.Manifest.extend\n"
        "def press(self, rows):\n"
        "    extend(self, rows)\n"
        "    manifest.Manifest.extend = extend\n"
        "    os.killpg(0, signal.SIGINT)\n"  # as Ctrl-C does: to all processes of the job
        "manifest.Manifest.extend = press\n"
        "for attempt in range(2):\n"
        "    try:\n"
        "        conversion.convert_folder(sys.argv[1], sys.argv[2], engine='python', n_jobs=2,\n"
        "                                  progress=False)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path, tmp_path / "mxl"],
        start_new_session=True, stdout=subprocess.PIPE, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert run.stdout.split() == ["interrupted"]
    rows = (tmp_path / "mxl" / "conversion.csv").read_text().splitlines()[1:]
    assert len({row.split(",")[0] for row in rows}) == len(rows) == 60
    assert {path.suffix for path in (tmp_path / "mxl").iterdir()} == {".csv", ".mxl"}


def test_two_processes_do_what_one_does(tmp_path):
    for n in range(20):
        tune(tmp_path / f"{n:02}.mid", scale(32, pitch=40 + n))
    for n_jobs in (1, 2):
        engines.convert_folder(
            tmp_path, tmp_path / f"mxl{n_jobs}", engine="python", n_jobs=n_jobs, progress=False
        )
    for path in (tmp_path / "mxl1").glob("*.mxl"):
        assert path.read_bytes() == (tmp_path / "mxl2" / path.name).read_bytes()


def test_a_dask_cluster_can_do_the_work(tmp_path):
    distributed = pytest.importorskip("distributed")
    import joblib

    for n in range(8):
        tune(tmp_path / f"{n}.mid")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        path = engines.convert_folder(tmp_path, tmp_path / "mxl", engine="python", progress=False)
    assert [row["status"] for row in read_manifest(path)] == ["converted"] * 8


@pytest.mark.parametrize(
    ("make", "engine", "error", "words"),
    [
        (lambda path: path.mkdir(), "auto", ValueError, "holds no MIDI file"),
        (lambda path: None, "auto", FileNotFoundError, "is no folder"),
        (lambda path: path.write_text("x"), "auto", FileNotFoundError, "is no folder"),
        (lambda path: path.mkdir(), "sibelius", ValueError, "'sibelius' is unknown; choose one of"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_clear_sentence(tmp_path, make, engine, error, words):
    make(tmp_path / "midi")
    with pytest.raises(error, match=words):
        engines.convert_folder(tmp_path / "midi", tmp_path / "mxl", engine=engine)
    assert not (tmp_path / "mxl").exists()


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no user rights of this kind")
def test_an_unreadable_folder_gets_one_clear_sentence(tmp_path, monkeypatch):
    folder = tmp_path / "midi"
    folder.mkdir(mode=0o000)
    if os.getuid() == 0:  # root may read everything: say no in its place

        def refuse(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match="cannot be read; give yourself the right"):
        engines.convert_folder(folder, tmp_path / "mxl")
    folder.chmod(0o700)


def test_a_missing_musescore_is_said(tmp_path, monkeypatch):
    tune(tmp_path / "a.mid")
    monkeypatch.setattr(runtime, "find_musescore", lambda: None)
    with pytest.raises(FileNotFoundError, match="use engine='python'"):
        engines.convert_folder(tmp_path, tmp_path / "mxl", engine="musescore")
    monkeypatch.undo()
    monkeypatch.setenv("MUSESCORE", "/no/such/program")
    with pytest.raises(FileNotFoundError, match="MUSESCORE is set to"):
        engines.convert_folder(tmp_path, tmp_path / "mxl")


def fill_the_disk(monkeypatch):
    """Make the disk look full in each way that a job meets it."""

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    usage = shutil.disk_usage(".")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


@pytest.mark.parametrize("engine", ["python", "musescore"])
def test_a_full_disk_stops_the_job_and_it_goes_on_later(tmp_path, monkeypatch, engine):
    tune(tmp_path / "a.mid")
    program = tmp_path / "writes_nothing"  # as MuseScore does on a full disk
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("MUSESCORE", str(program))
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="free some space and run again"):
        engines.convert_folder(tmp_path, tmp_path / "mxl", engine=engine, n_jobs=1, progress=False)
    assert not read_manifest(tmp_path / "mxl" / "conversion.csv")  # the file was not to blame
    monkeypatch.undo()
    path = engines.convert_folder(
        tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False
    )
    assert [row["status"] for row in read_manifest(path)] == ["converted"]


def test_a_score_is_on_the_disk_before_its_row(tmp_path, monkeypatch):
    tune(tmp_path / "a.mid")
    synced, sync = [], os.fsync

    def remember(number):
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        sync(number)

    if sys.platform.startswith("linux"):
        monkeypatch.setattr(os, "fsync", remember)
        engines.convert_folder(
            tmp_path, tmp_path / "mxl", engine="python", n_jobs=1, progress=False
        )
        assert [Path(name).suffix for name in synced] == [".csv", ".mxl", ".csv"]


def test_musescore_is_known_by_its_names_on_each_system():
    names = {Path(name).name for name in (*runtime.MUSESCORE_NAMES, *runtime.MUSESCORE_PLACES)}
    assert {"mscore", "mscore3", "musescore", "musescore3", "mscore4portable"} <= names
    assert {"MuseScore3.exe", "MuseScore4.exe"} <= names
    for version in "34":
        program = f"/Applications/MuseScore {version}.app/Contents/MacOS/mscore"
        assert program in runtime.MUSESCORE_PLACES


@pytest.mark.skipif(sys.platform == "win32", reason="a program in sh")
def test_musescore_is_run_in_batches_without_human_performance(tmp_path, monkeypatch):
    for n in range(4):
        tune(tmp_path / f"{n}.mid")
    program = tmp_path / "records"
    seen = tmp_path / "seen"
    program.write_text(f'#!/bin/sh\ncat "$2" "$4" >> "{seen}"\necho "$1 $3" >> "{seen}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("MUSESCORE", str(program))
    work = tmp_path / "work"
    work.mkdir()
    files = sorted(tmp_path.glob("*.mid"))
    list(musescore.convert_batch(runtime.find_musescore(), files, work, 10))
    first_run = seen.read_text().split("-M -j")[0]
    assert "<HumanPerformance>false</HumanPerformance>" in first_run
    assert len(json.loads(first_run[first_run.index("[") :])) == 4
