"""MuseScore without its window: find it, hand it a batch, and find the file that stopped it.

MuseScore's batch mode ends at the first file that it cannot read, and the files after it are
silently not made. Its exit code proves nothing either way. So only one thing counts here: which
outputs are there.
"""

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
    """Write the job that MuseScore's batch mode reads.

    Args:
        pairs: list of (MIDI path, MXL path).

    Returns:
        str, JSON.

    Introduced in lesson 01.
    """
    return json.dumps([{"in": str(midi), "out": str(mxl)} for midi, mxl in pairs])


def options_text():
    """Write the import options as the XML that MuseScore's -M takes."""
    lines = "".join(f"<{name}>{value}</{name}>" for name, value in OPTIONS.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><MidiOptions>{lines}</MidiOptions>'


def run_musescore(program, pairs, work, timeout):
    """Convert a batch of files in one run of MuseScore; which outputs exist says how it went.

    Args:
        program: str, the program.
        pairs: list of (MIDI path, MXL path).
        work: Path of a folder for the job.
        timeout: float, seconds, after which the program is ended.

    Returns:
        str, why it stopped: "" when it came to its end.
    """
    job, options = work / "job.json", work / "options.xml"
    job.write_text(build_job(pairs), encoding="utf-8")
    options.write_text(options_text(), encoding="utf-8")
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
    done = 0
    while done < len(pairs):
        rest = pairs[done:]
        limit = timeout if len(rest) == 1 else timeout + START_SECONDS + 2 * len(rest)
        reason = run_musescore(program, rest, work, limit)
        while done < len(pairs) and is_made(pairs[done][1]):
            yield done, pairs[done][1], ""
            done += 1
        if done < len(pairs):  # here it stopped
            culprit = pairs[done]
            if len(rest) > 1:
                reason = run_musescore(program, [culprit], work, timeout)
            made = is_made(culprit[1])
            yield (
                done,
                culprit[1] if made else None,
                "" if made else reason or "MuseScore wrote nothing",
            )
            done += 1


def is_made(path):
    """Tell whether an MXL is there and whole: a zip carries its list of members at its end."""
    return path.is_file() and zipfile.is_zipfile(path)


def _stand_in(file, link):
    """Give a file a plain name, so that no quote, newline or dash in its own can do harm."""
    try:
        link.symlink_to(file.absolute())
    except OSError:  # Windows without the right to make links
        shutil.copyfile(file, link)
    return link
