"""Broken, odd and hostile files: each gets one plain reason in time, and the folder goes on."""

import os
import re
import struct
import subprocess
import sys
import zipfile

import pytest
from midi_builder import CONTAINER, measures, midi, mxl, number, play, scale, score, track, tune

from lstmgan_utils import filtering
from lstmgan_utils.conversion import engines
from lstmgan_utils.folder_jobs import read_manifest

TIMEOUT = 30
NOTES = play(scale(32))
GOOD = midi(track(*NOTES))
GOOD_NAMES = ("0 first", "m middle", "zz last")
GOES_ON = (480, b"\x90\x3c\x40")
LYRICS = b"\xff\x05" + number(2**20) + b"la, " * 2**18
LONG = play([(0, 9000, 60)])
BAD_MIDI = {  # name -> (bytes, what the reason must say)
    "zero bytes": (b"", "not MIDI.*download"),
    "text": (b"not music at all, only words", "not MIDI"),
    "page": (b"<!doctype html><html><body>404</body></html>", "not MIDI"),
    "half a header": (GOOD[:9], "not MIDI"),
    "header only": (GOOD[:14], "no track"),
    "cut": (GOOD[:-40], "it is cut"),
    "chunk too long": (GOOD[:18] + struct.pack(">I", 10**6) + GOOD[22:], "it is cut"),
    "chunk too short": (GOOD[:18] + struct.pack(">I", 5) + GOOD[22:], "ends inside an event"),
    "no notes": (midi(track()), "holds no notes"),
    "zero ticks": (midi(track(*NOTES), division=0), "0 ticks"),
    "SMPTE": (midi(track(*NOTES), division=0xE728), "SMPTE"),
    "type 2": (midi(track(*NOTES), kind=2), "type 2"),
    "ten hours": (midi(track(*play([(0, 72_000, 60)]))), "lasts longer"),
    "gap": (midi(track(*NOTES, (2**28 - 1, b"\x90\x3c\x40"))), "lasts longer"),
    "five-byte time": (midi(track(*NOTES, (2**30, b"\x90\x3c\x40"))), "more than four bytes"),
    "100,000 notes": (midi(track(*play(scale(100_000, 1 / 16)))), "too many"),
    "3,000 tracks": (midi(*[track(*play([(0, 1, 60), (99, 1, 60)]))] * 3000), "too large"),
    "all held": (midi(track(*play([(0, 9000, pitch) for pitch in range(48, 96)]))), "too large"),
    "metre 1 over 32": (midi(track((0, b"\xff\x58\x04\x01\x05\x18\x08"), *LONG)), "too large"),
    "data first": (midi(track((0, b"\x3c\x40"))), "data where an event must begin"),
}
ODD_MIDI = {
    "no end of track": midi(track(*NOTES, end=False)),
    "strange chunk": GOOD[:14] + b"XYZW" + struct.pack(">I", 4) + b"abcd" + GOOD[14:],
    "long header": b"MThd\0\0\0\x0a" + GOOD[8:14] + b"\0" * 4 + GOOD[14:],
    "nine sharps": midi(track((0, b"\xff\x59\x02\x09\x00"), *NOTES)),
    "metre 0 over 4": midi(track((0, b"\xff\x58\x04\x00\x02\x18\x08"), *NOTES)),
    "metre 4 over 2^255": midi(track((0, b"\xff\x58\x04\x04\xff\x18\x08"), *NOTES)),
    "tempo 0": midi(track((0, b"\xff\x51\x03\0\0\0"), *NOTES)),
    "1 notes were never ended": midi(track(*NOTES, GOES_ON, (960, b"\xff\x01\0"))),
    "values over 127": midi(track(*NOTES, (0, b"\x90\xf0\x40"))),
    "1 MB of lyrics": midi(track((0, LYRICS), *NOTES)),
}
TOLD = ("1 notes were never ended", "values over 127")  # odd files whose row says so


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Convert one folder with every case in it, between good files."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in ({name: case[0] for name, case in BAD_MIDI.items()} | ODD_MIDI).items():
        (folder / f"{name}.mid").write_bytes(data)
    for name in GOOD_NAMES:
        tune(folder / f"{name}.mid")
    how = {"n_jobs": 1, "timeout": TIMEOUT, "progress": False}
    manifest = engines.convert_folder(folder, folder / "mxl", **how)
    return {row["file"].removesuffix(".mid"): row for row in read_manifest(manifest)}


@pytest.mark.parametrize("name", [*GOOD_NAMES, *BAD_MIDI, *ODD_MIDI])
def test_a_bad_midi_file_has_one_plain_reason_and_the_others_are_converted(converted, name):
    row = converted[name]
    assert "\n" not in row["reason"] and float(row["seconds"]) < TIMEOUT
    if name in BAD_MIDI:
        assert row["status"] == "failed" and re.search(BAD_MIDI[name][1], row["reason"])
    else:
        assert row["status"] == "converted" and int(row["notes"]) >= 32
        assert name not in TOLD or name in row["reason"]


ODD_NAMES = [
    "a b", 'say "hi"', "it's", "two\nlines", "-j", "🎵", "x" * 251, "%s {0} $HOME",
    os.fsdecode(b"caf\xe9"),
]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="names and links of Linux")
@pytest.mark.parametrize("end", [".mid", ".mxl"])
def test_odd_names_links_and_pipes(tmp_path, end):
    make = tune if end == ".mid" else lambda path: mxl(path, PLAIN)
    (folder := tmp_path / "music").mkdir()
    (folder / f"folder{end}").mkdir()
    good = {f"folder{end}/inside{end}", *(name + end for name in ODD_NAMES)}
    for name in good:
        make(folder / name)
    (folder / f"loop{end}").symlink_to(f"loop{end}")
    (folder / f"gone{end}").symlink_to(f"nowhere{end}")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / f"pipe{end}")
    bad = {name + end for name in ("loop", "gone", "pipe", "folder")}
    if end == ".mid":
        manifest = engines.convert_folder(folder, tmp_path / "mxl", n_jobs=1, progress=False)
        for name in good:
            assert (tmp_path / "mxl" / name).with_suffix(".mxl").stat().st_size > 500
    else:
        manifest = filtering.filter_folder(folder, n_jobs=1, progress=False)
    rows = {row["file"]: row["status"] in ("converted", "kept") for row in read_manifest(manifest)}
    assert rows == dict.fromkeys(good, True) | dict.fromkeys(bad, False)


ESCAPED = '<?xml version="1.0"?><!DOCTYPE x [{}]>' + score((0, measures(note="&b;"))).split("?>")[1]
LAUGHS = '<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 1000 + '">'
LONG_ENTITY = f'<!ENTITY b "{"ha" * 10_000}">'
DEEP = score((0, measures(head="<direction>" * 5000 + "</direction>" * 5000)))
PLAIN = score((0, measures()))
OUTSIDE = '<!ENTITY b SYSTEM "file:///etc/passwd">'
BAD_MXL = {  # name -> (the file, or how `mxl` builds it; what the reason must say)
    "zero bytes": (b"", "cannot be parsed.*export"),
    "no zip": (b"PK\x03\x04 and then nothing", "damaged"),
    "page": (b"<html></html>", "not MusicXML"),
    "no container": ((PLAIN, ""), "no META-INF/container.xml"),
    "names nothing": ((PLAIN, CONTAINER.format("no.xml")), "has no no.xml"),
    "names no score": ((PLAIN, "<container/>"), "has no score"),
    "climbing": ((PLAIN, None, [("../../up.xml", "")]), "climbs"),
    "absolute": ((PLAIN, None, [("/tmp/up.xml", "")]), "climbs"),
    "drive": ((PLAIN, None, [("C:\\up.xml", "")]), "climbs"),
    "timewise": (("<score-timewise/>",), "timewise.*as partwise"),
    "not MusicXML": (("<html/>",), "not MusicXML"),
    "invalid UTF-8": ((PLAIN.encode().replace(b"Music", b"\xff\xfe"),), "cannot be parsed.*UTF-8"),
    "cut XML": ((PLAIN[:-50],), "cannot be parsed"),
    "laughs": ((ESCAPED.format(LAUGHS),), "entity"),
    "outside entity": ((ESCAPED.format(OUTSIDE),), "entity"),
    "16-bit entity": ((ESCAPED.format(LAUGHS).encode("utf-16"),), "entity"),
    "deep": ((DEEP,), "nested deeper"),
    "deep container": ((PLAIN, "<a>" * 100 + "</a>" * 100), "container is nested deeper"),
    "zip bomb": ((PLAIN + " " * 2**27,), "unpacks to more"),
    "many members": ((PLAIN, None, [(f"{n}.txt", "") for n in range(2000)]), "members"),
    "too many notes": ((score((0, measures(30_000))),), "more than"),
    "quadratic": ((ESCAPED.format(LONG_ENTITY),), "entity"),
    "silent": ((score((0, measures(note="<rest/>"))),), "nothing sounds"),
}
TYPED = PLAIN.replace("?>", '?><!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 '
                      'Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">', 1)  # fmt: skip
ROOT = '<rootfile full-path="{}" media-type="{}"/>'
TWO_ROOTS = "<container><rootfiles>" + ROOT.format("score.xml", "") + ROOT.format("b.xml", "")
PDF_FIRST = "<container><rootfiles>" + ROOT.format("a.pdf", "application/pdf")
PDF_FIRST += ROOT.format("score.xml", "")
CLOSE = "</rootfiles></container>"
ODD_MXL = {
    "good": (PLAIN,),
    "Mac": (PLAIN, None, [("__MACOSX/._score.xml", b"\x00\x05\x16\x07")]),
    "two roots": (PLAIN, TWO_ROOTS + CLOSE, [("b.xml", "<html/>")]),
    "a document type": (TYPED,),
    "a PDF first": (PLAIN, PDF_FIRST + CLOSE, [("a.pdf", b"%PDF")]),
}


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    """Filter one folder with every case of MXL in it."""
    folder = tmp_path_factory.mktemp("mxl")
    for name, content in ({name: case[0] for name, case in BAD_MXL.items()} | ODD_MXL).items():
        path = folder / f"{name}.mxl"
        path.write_bytes(content) if isinstance(content, bytes) else mxl(path, *content)
    manifest = filtering.filter_folder(folder, n_jobs=1, timeout=TIMEOUT, progress=False)
    return {row["file"].removesuffix(".mxl"): row for row in read_manifest(manifest)}


@pytest.mark.parametrize("name", [*BAD_MXL, *ODD_MXL])
def test_a_bad_mxl_has_one_plain_reason_and_an_odd_one_is_kept(filtered, name):
    row = filtered[name]
    assert "\n" not in row["reason"] and float(row["seconds"]) < TIMEOUT
    if name in BAD_MXL:
        assert row["status"] == "left out" and re.search(BAD_MXL[name][1], row["reason"])
    else:
        assert (row["status"], row["notes"]) == ("kept", "32")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted on Linux")
@pytest.mark.parametrize("method", ["DEFLATED", "BZIP2"])
def test_a_zip_bomb_does_not_fill_the_memory(tmp_path, method):
    path = tmp_path / "bomb.mxl"
    with zipfile.ZipFile(path, "w", getattr(zipfile, f"ZIP_{method}"), compresslevel=1) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER.format("score.xml"))
        with archive.open("score.xml", "w", force_zip64=True) as stream:
            for _ in range(32):
                stream.write(b" " * 2**24)  # half a gigabyte in a file of a few megabytes
    code = (
        "import resource, sys; from lstmgan_utils.pianoroll import safe_reading\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: safe_reading.read_musicxml(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    run = subprocess.run([sys.executable, "-c", code, path], stdout=-1, text=True, check=True)
    reason, kilobytes = run.stdout.splitlines()
    assert "zip bomb" in reason or "usual method" in reason
    assert int(kilobytes) < 250_000
