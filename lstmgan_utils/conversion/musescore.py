"""MuseScore without its window: convert a batch of MIDI files, and find the one that stopped it.

MuseScore's batch mode ends at the first file that it cannot read, without the files after it. Its
exit code proves nothing either way. So only one thing counts here: which outputs are there.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import zipfile

OPTIONS = {  # what MuseScore's import of MIDI may do; "human performance" re-beats played files
    "HumanPerformance": "false",
    "QuantValue": 3,  # the shortest note: 0 is a quarter, 3 a 32nd
    "SplitStaff": "true",
    "SimplifyDurations": "true",
    "ShowStaccato": "false",
    "Quintuplets": "false",
    "Septuplets": "false",
    "Nonuplets": "false",
}
START_SECONDS = 10.0  # MuseScore's own start on a busy machine


def build_job(pairs):
    """Return the job that MuseScore's batch mode reads.

    Args:
        pairs: list of (MIDI path, MXL path).

    Returns:
        str, JSON.

    Introduced in lesson 01.
    """
    return json.dumps([{"in": str(midi), "out": str(mxl)} for midi, mxl in pairs])


def run_musescore(program, pairs, work, timeout):
    """Run MuseScore once, on (MIDI path, MXL path) pairs; return why it stopped early, or ""."""
    job, options = work / "job.json", work / "options.xml"
    job.write_text(build_job(pairs), encoding="utf-8")
    lines = "".join(f"<{name}>{value}</{name}>" for name, value in OPTIONS.items())
    xml = f'<?xml version="1.0" encoding="UTF-8"?><MidiOptions>{lines}</MidiOptions>'
    options.write_text(xml, encoding="utf-8")
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
        _end(process)
    return "" if code == 0 else f"MuseScore stopped with code {code}"


def _end(process):
    """End the program and what it started, if it still runs."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def convert_batch(program, files, work, timeout):
    """Convert files with MuseScore; a file that stops the batch is tried alone, then passed over.

    Args:
        program: str, the program.
        files: list of Path, MIDI files.
        work: Path of an empty folder for the outputs.
        timeout: float, seconds for one file.

    Yields:
        (position in `files`, Path of the MXL or None, reason) in order of position.

    Introduced in lesson 01.
    """
    pairs = [
        (_stand_in(file, work / f"{n}.mid"), work / f"{n}.mxl") for n, file in enumerate(files)
    ]
    done, alone = 0, False
    while done < len(pairs):
        batch = pairs[done : done + 1] if alone else pairs[done:]
        more = START_SECONDS + 2 * len(batch) if len(batch) > 1 else 0
        reason = run_musescore(program, batch, work, timeout + more)
        made = list(itertools.takewhile(_is_whole, (mxl for _, mxl in batch)))
        yield from ((number, mxl, "") for number, mxl in enumerate(made, done))
        done += len(made)
        if not made and len(batch) == 1:
            yield done, None, reason or "MuseScore wrote nothing"
            done += 1
        alone = not alone


def _is_whole(path):
    """Whether an MXL is there to its end, where a zip lists its members."""
    return path.is_file() and zipfile.is_zipfile(path)


def _stand_in(file, link):
    """Link a file under a plain name, so that no quote, newline or dash in its own can do harm."""
    try:
        link.symlink_to(file.absolute())
    except OSError:  # Windows without the right to make links
        shutil.copyfile(file, link)
    return link
