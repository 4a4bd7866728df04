"""Which scores are music for one instrument, and long enough? One reason for each that is not.

One instrument means one sounding General MIDI program. Names do not count (they collide), nor do
parts (a piano has two staves, a guitar may fill four channels), nor what never sounds.
"""

import math
from pathlib import Path

from .folder_jobs import Manifest, attempt, find_files, read_manifest
from .pianoroll.instruments import (
    PERCUSSION,
    count_notes,
    find_players,
    name_programs,
    parse,
    take_part,
)
from .pianoroll.musicxml import zip_score
from .pianoroll.rolls import RESOLUTION, n_steps
from .pianoroll.safe_reading import read_musicxml
from .pianoroll.scores import read_abc, read_abc_text
from .runtime import atomic_path

ABC = ".abc"
SUFFIXES = (".mxl", ".musicxml", ".xml", ABC)
COLUMNS = ("file", "status", "reason", "program", "notes", "quarters", "seconds", "output", "asked",
           "source")  # fmt: skip
PARTS_FOLDER = "parts"


def filter_folder(
    mxl_folder, *, min_quarters=16, part=None, n_jobs=None, timeout=60, progress=True
):
    """Sort the scores of a folder: kept, or left out and why. No score is moved or changed.

    Args:
        mxl_folder: the folder of scores; `conversion.csv` in it is used where it is there.
        min_quarters: float, the shortest piece to keep, in quarter notes.
        part: int or str, a General MIDI program or a piece of an instrument's name: take its part
            out of each score into the folder "parts", and look at that alone; None for pieces.
        n_jobs, timeout, progress: as for `convert_folder`.

    Returns:
        Path of the manifest, `mxl_folder/filtering.csv`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: a folder that is unreadable or holds no score, or a setting out of range.
        OSError: the disk is full.

    Introduced in lesson 02.
    """
    if not min_quarters >= 0:
        raise ValueError(f"min_quarters {min_quarters!r} is not 0 or more; 16 is 4 measures of 4/4")
    if part is not None and not (isinstance(part, str) and part.strip()) and part not in range(128):
        raise ValueError(f"part {part!r} is neither a program, 0 to 127, nor a name like 'piano'")
    mxl_folder = Path(mxl_folder)
    asked = f"min_quarters={min_quarters:g} part={part!r}"
    played = programs_played(mxl_folder)
    files = find_files(mxl_folder, SUFFIXES, "score", skip=PARTS_FOLDER)
    with Manifest(mxl_folder / "filtering.csv", COLUMNS) as manifest:
        jobs = manifest.unfinished(mxl_folder, files, asked)
        jobs = [(*job, played.get(job[0], set())) for job in jobs]
        settings = (mxl_folder, min_quarters, part, timeout, asked)
        manifest.run(_filter_batch, jobs, settings, n_jobs, "Filtering", progress)
    return manifest.path


def kept_files(manifest):
    """Return the scores that a filter kept and that are still there: sorted list of Path.

    The manifest is a `filtering.csv` (FileNotFoundError where it is none). Introduced in lesson 02.
    """
    folder = Path(manifest).parent
    kept = [row["output"] for row in read_manifest(manifest) if row["status"] == "kept"]
    return sorted(folder / name for name in kept if (folder / name).is_file())


def programs_played(mxl_folder):
    """Read from `conversion.csv` which programs sounded in the MIDI file of each score.

    A score may lack a change of program that the MIDI file had. Returns a dict of str (score) to a
    set of programs (int) and PERCUSSION, empty without a conversion. Introduced in lesson 02.
    """
    path, played = Path(mxl_folder) / "conversion.csv", {}
    for row in read_manifest(path) if path.is_file() else []:
        names = [entry.split(":")[0] for entry in (row.get("programs") or "").split()]
        programs = {PERCUSSION if name == "drums" else int(name) for name in names}
        played[row.get("output")] = programs
    return played


def _filter_batch(batch, _, mxl_folder, min_quarters, part, timeout, asked):
    """Examine the scores of one batch; yield their rows of the manifest."""
    for name, source, played in batch:
        arguments = (mxl_folder, name, played, min_quarters, part)
        row, reason, seconds = attempt(timeout, _examine, *arguments)
        row = row or {"status": "left out", "reason": reason}
        yield row | {"file": name, "seconds": f"{seconds:.3f}", "asked": asked, "source": source}


def _examine(folder, name, played, min_quarters, part):
    """Return the row of one score, or of one part, which is then written to its own file."""
    suffix = Path(name).suffix.lower()
    if suffix == ABC:
        return _examine_abc(folder, name, min_quarters, part)
    xml, output = read_musicxml(folder / name), name
    if part is not None:
        xml = take_part(xml, part)
        file = name if suffix == ".mxl" else f"{name}.mxl"  # a.mxl and a.xml may stand together
        output = Path(PARTS_FOLDER, str(part), file).as_posix()
    elif played and (reason := why_left_out(played)):
        raise ValueError(f"in the MIDI file {reason}")
    score, players = parse(xml), find_players(xml)
    row = _row(players, *count_notes(score), min_quarters, output)
    if part is not None and row["status"] == "kept":
        with atomic_path(folder / output) as temporary:
            zip_score(xml, temporary)
    return row | {"program": next(iter(players)) if len(players) == 1 else ""}


def _examine_abc(folder, name, min_quarters, part):
    """Return the row of a tune in ABC notation, which names no programs."""
    if part is not None:
        raise ValueError("ABC names no instruments to take out; export it as MusicXML")
    notes, _ = read_abc(read_abc_text(folder / name))
    players = {"one voice of ABC"} if len(notes) else set()
    return _row(players, len(notes), n_steps(notes) / RESOLUTION, min_quarters, name)


def _row(players, n_notes, quarters, min_quarters, output):
    """Return the row of a score: what was found, and why it is kept or left out."""
    reason = why_left_out(players, quarters, min_quarters)
    kept = "one instrument, long enough"
    found = {"notes": n_notes, "quarters": f"{quarters:g}", "reason": reason or kept}
    return found | ({"status": "left out"} if reason else {"status": "kept", "output": output})


def why_left_out(players, quarters=math.inf, min_quarters=0):
    """Return why a piece is left out; "" if it is for one pitched instrument, and long enough.

    The players are a set of programs (int), names (str) and PERCUSSION, from `find_players`; the
    piece ends after `quarters`, and should after `min_quarters` at least. Introduced in lesson 02.
    """
    pitched = players - {PERCUSSION}
    if not pitched:
        return "only percussion sounds" if players else "nothing sounds"
    if len(pitched) > 1:
        return f"{len(pitched)} instruments sound: {name_programs(pitched)}"
    if PERCUSSION in players:
        return f"percussion sounds beside {name_programs(pitched)}"
    if quarters < min_quarters:
        return f"too short: {quarters:g} quarters, fewer than {min_quarters:g}"
    return ""
