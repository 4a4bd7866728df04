"""MuseScore without its window: convert a batch of MIDI files, and find the one that stopped it.

Its batch mode ends at the first file that it cannot read, and its exit code proves nothing either
way. So only one thing counts here: which outputs are there.
"""

import json
import os
import shutil
import subprocess
import zipfile

from ..folder_jobs import check_room

OPTIONS = """<?xml version="1.0" encoding="UTF-8"?>
<MidiOptions><HumanPerformance>false</HumanPerformance><QuantValue>3</QuantValue>
<SplitStaff>true</SplitStaff><SimplifyDurations>true</SimplifyDurations>
<ShowStaccato>false</ShowStaccato><Quintuplets>false</Quintuplets><Septuplets>false</Septuplets>
<Nonuplets>false</Nonuplets></MidiOptions>
"""  # "human performance" would re-beat played files; QuantValue 3 is a 32nd, the shortest note
START_SECONDS = 10.0  # MuseScore's own start on a busy machine


def build_job(pairs):
    """Return, in JSON, the job of MuseScore's batch mode for (MIDI path, MXL path) pairs.

    Introduced in lesson 01.
    """
    return json.dumps([{"in": str(midi), "out": str(mxl)} for midi, mxl in pairs])


def run_musescore(program, pairs, work, timeout):
    """Run MuseScore once, on (MIDI path, MXL path) pairs; return why it stopped early, or ""."""
    job, options = work / "job.json", work / "options.xml"
    job.write_text(build_job(pairs), encoding="utf-8")
    options.write_text(OPTIONS, encoding="utf-8")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software",
                                "XDG_RUNTIME_DIR": str(work)}  # fmt: skip
    process = subprocess.Popen(
        [program, "-M", str(options), "-j", str(job)], env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        return f"MuseScore needed more than {timeout:g} s"
    finally:
        if process.poll() is None:  # end it, with what it started, where the system can
            getattr(os, "killpg", os.kill)(process.pid, 9)
            process.wait()
    return "" if code == 0 else f"MuseScore stopped with code {code}"


def convert_batch(program, files, work, timeout):
    """Convert MIDI files with MuseScore in one run; what is missing after it is tried alone.

    Args:
        files: list of Path.
        work: Path of an empty folder for the outputs.
        timeout: float, seconds for one file.

    Yields:
        (Path of the MXL, reason why it is not there or "") for each file in order.

    Raises:
        OSError: the disk is full.

    Introduced in lesson 01.
    """
    pairs = [(work / f"{number}.mid", work / f"{number}.mxl") for number in range(len(files))]
    for file, (midi, _) in zip(files, pairs, strict=True):
        shutil.copyfile(file, midi)  # no quote, newline or dash in its own name can do harm
    if len(pairs) > 1:
        run_musescore(program, pairs, work, timeout + START_SECONDS + 2 * len(pairs))
    for midi, mxl in pairs:
        reason = ""
        if not zipfile.is_zipfile(mxl):  # a zip lists its members at its end
            stopped = run_musescore(program, [(midi, mxl)], work, timeout)
            reason = "" if zipfile.is_zipfile(mxl) else stopped or "MuseScore wrote nothing"
        if reason:
            check_room(work)
        yield mxl, reason
