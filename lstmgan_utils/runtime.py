"""Where files live, what the machine offers, random seeds, progress bars, safe writing, Colab."""

import contextlib
import functools
import os
import random
import secrets
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module, metadata, util
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

MUSESCORE_NAMES = (
    *("mscore4portable", "mscore", "musescore", "mscore4", "musescore4", "mscore3", "musescore3"),
    "/Applications/MuseScore 4.app/Contents/MacOS/mscore",
    "C:/Program Files/MuseScore 4/bin/MuseScore4.exe",
)
PACKAGES = ("tensorflow", "keras", "music21", "numpy", "ipywidgets", "matplotlib")


def project_root():
    """Return the nearest folder above that holds `pyproject.toml`, else the working directory."""
    here = Path.cwd().resolve()
    folders = (here, *here.parents)
    return next((folder for folder in folders if (folder / "pyproject.toml").is_file()), here)


def locate(path):
    """Return the Path of what a lesson names, in the project or else in the packaged sample.

    `path` counts from the project's folder, and need not exist. Introduced in lesson 01.
    """
    places = [project_root()]
    if Path(path).parts[:1] == ("data_sample",):
        package = Path(__file__).resolve().parent
        places += [package, package.parent]  # installed; in the repository
    return next((place / path for place in places if (place / path).exists()), places[0] / path)


def in_colab():
    """Return whether this Python is a Colab kernel."""
    return "google.colab" in sys.modules


def prepare_colab(keep_on_drive=False):
    """Install what Colab lacks for good sound; if asked, keep `outputs/` in the learner's Drive.

    What fails is printed, and the lesson goes on. Elsewhere than on Colab this does nothing.
    """
    if not in_colab():
        return
    fetch = "apt-get -qq update && apt-get -qq install -y --no-install-recommends libfluidsynth3"
    subprocess.run(fetch, shell=True, capture_output=True, check=False)
    if keep_on_drive:
        drive = project_root() / "drive"  # /content/drive, as every notebook on Colab has it
        try:
            import_module("google.colab.drive").mount(str(drive))
            _link_outputs(drive / "MyDrive" / "lstm-gan")
        except Exception as error:  # Colab names no class for "declined" or "cookies are blocked"
            print(f"Drive is not used: {error}. outputs/ is lost when this machine is given back.")


def _link_outputs(folder):
    """Make `outputs` a link into a folder that outlives this machine, and keep the cache there."""
    outputs = project_root() / "outputs"
    if outputs.exists() and not outputs.is_symlink():
        raise FileExistsError("outputs/ holds files already; rename it and run this cell again")
    os.environ.setdefault("LSTMGAN_CACHE", str(folder / "cache"))
    (folder / "outputs").mkdir(parents=True, exist_ok=True)
    outputs.unlink(missing_ok=True)
    outputs.symlink_to(folder / "outputs", target_is_directory=True)
    print(f"outputs/ is kept in {folder}")


def set_seed(seed):
    """Seed Python, numpy and, where it is loaded, Keras with one int, 0 to 2**32 - 1."""
    random.seed(seed)
    np.random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)


def versions():
    """Return the versions that a bug report needs, {package: version}."""
    return {"python": sys.version.split()[0]} | {name: metadata.version(name) for name in PACKAGES}


def report():
    """Print versions, the processor, what plays, and what to do without a GPU on Colab."""
    # as the driver lists them: asking TensorFlow would take seconds
    n_gpus = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    print("  ".join(f"{name} {version}" for name, version in versions().items()))
    sound = "FluidSynth" if find_soundfont() else "built-in"
    print(f"{os.cpu_count() or 1} CPU cores, GPU: {n_gpus or 'none'}, sound: {sound}")
    if not n_gpus and in_colab():
        print("Training is faster on a GPU: menu Runtime > Change runtime type > T4 GPU.")


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary Path beside `path`, and rename it into place when the block succeeds.

    A reader therefore sees the whole file or none, also after a power cut. The folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".weights.h5") else path.suffix
    temporary = path.with_name(f".writing-{secrets.token_hex(4)}{suffix}")
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(path, target):
    """Move a finished file to its place on the same disk, in a folder made if needed.

    Its bytes reach the disk before its name does, so that a power cut leaves no empty file.
    """
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)


def progress_bar(iterable=None, *, total=None, description="", progress=True):
    """Return a tqdm bar over an iterable or a `total` of updates; it goes when all is done."""
    return tqdm(iterable, total=total, desc=description, disable=not progress, leave=False)


def upload(folder):
    """Copy files of the learner's computer into a folder of the project: sorted list of new Paths.

    On Colab the browser asks for the files, and a .zip is unpacked (ValueError where that cannot be
    read); elsewhere this only prints where to copy them. Introduced in lesson 09.
    """
    folder = project_root() / folder
    folder.mkdir(parents=True, exist_ok=True)
    if not in_colab():
        print(f"copy your files into {folder}")
        return []
    before = set(folder.rglob("*"))
    with contextlib.chdir(folder):  # Colab saves into the working directory
        import_module("google.colab.files").upload()
    for path in sorted(set(folder.glob("*.zip")) - before):
        try:
            shutil.unpack_archive(path, folder)  # it leaves out names that lead out of the folder
        except (shutil.ReadError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path.name} is no whole .zip file; upload it again") from error
        path.unlink()
    return sorted(path for path in set(folder.rglob("*")) - before if path.is_file())


def download(path):
    """Download a file, or a folder as one .zip, to the learner's computer.

    On Colab the browser saves it; elsewhere this only prints where it is. The path, such as
    outputs/runs/lesson_08, counts from the project's folder (FileNotFoundError where nothing is).
    Introduced in lesson 09.
    """
    path = project_root() / path
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; run the cells that make it first")
    if not in_colab():
        print(f"it is on this computer: {path}")
        return
    if path.is_dir():
        path = Path(shutil.make_archive(str(path), "zip", path.parent, path.name))
    import_module("google.colab.files").download(str(path))


def shorten(text, limit=300):
    """Return a text without control characters, at most `limit` characters long."""
    text = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def find_musescore():
    """Return MuseScore's program, by the MUSESCORE variable or its usual names; None without one.

    Raises FileNotFoundError where MUSESCORE names no program. Introduced in lesson 01.
    """
    chosen = os.environ.get("MUSESCORE")
    places = [os.path.expanduser(chosen)] if chosen else MUSESCORE_NAMES
    program = next(filter(None, map(shutil.which, places)), None)
    if chosen and program is None:
        raise FileNotFoundError(f"MUSESCORE is set to {chosen!r}, which is no program; correct it")
    return program


@functools.cache
def find_soundfont():
    """Return the path of pretty_midi's soundfont; None where FluidSynth cannot play it."""
    try:
        import fluidsynth  # noqa: F401  (raises ImportError when the C library is missing)
    except (ImportError, OSError):
        return None
    package = util.find_spec("pretty_midi")  # importing it would take a second
    return package and Path(package.origin).with_name("TimGM6mb.sf2")
