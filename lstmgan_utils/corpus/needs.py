"""What a lesson needs of those before it, made of the sample in seconds where it is missing.

On Colab each notebook is a machine of its own, so `outputs/` starts empty there.
"""

from pathlib import Path

from .. import corpus, filtering, runtime
from ..conversion import engines


def need_scores(mxl_folder, midi_folder="data_sample/midi"):
    """Convert a folder with the quick engine, unless lesson 01 has left scores.

    Args:
        mxl_folder: str or Path of the scores.
        midi_folder: str or Path, from the project's folder.

    Returns:
        list of Path, the scores in MusicXML.

    Introduced in lesson 02.
    """
    mxl_folder = Path(mxl_folder)
    if not any(path.suffix.lower() in filtering.SUFFIXES for path in mxl_folder.rglob("*")):
        print(f"No scores in {mxl_folder.name}/ yet: the quick engine converts {midi_folder}.")
        midi_folder = runtime.locate(midi_folder)
        engines.convert_folder(midi_folder, mxl_folder, engine="python", progress=False)
    kinds = (".mxl", ".musicxml", ".xml")
    return sorted(path for path in mxl_folder.rglob("*") if path.suffix.lower() in kinds)


def need_kept(mxl_folder, midi_folder="data_sample/midi"):
    """Filter a folder of scores, unless lesson 02 has.

    Args:
        mxl_folder: str or Path of the scores.
        midi_folder: str or Path, converted first where there are no scores.

    Returns:
        list of Path, the scores that were kept.

    Introduced in lesson 03.
    """
    manifest = Path(mxl_folder) / "filtering.csv"
    if not manifest.is_file():
        need_scores(mxl_folder, midi_folder)
        print("The scores are not filtered yet: keeping those for one instrument.")
        filtering.filter_folder(mxl_folder, progress=False)
    return filtering.kept_files(manifest)


def need_songs(place):
    """Open the songs to learn from; where lesson 03 has left none, its store is made of the sample.

    Args:
        place: str, a store, from the project's folder, or "builtin" for the tunes that come with
            music21.

    Returns:
        Songs.

    Raises:
        FileNotFoundError: There is no such store, and it has another name than lesson 03's.

    Introduced in lesson 04.
    """
    if place == "builtin":
        return corpus.builtin_tunes()
    path = runtime.locate(place)
    if path.is_file():
        return corpus.open_store(path)
    if path.name != "songs.store":  # somebody's own: a sample under its name would deceive them
        raise FileNotFoundError(f"{place} does not exist; lesson 03 makes one of your files")
    print(f"{place} is missing: making it of the sample, as lessons 01 to 03 do.")
    return corpus.build_store(need_kept(path.parent / "mxl"), path, progress=False)
