"""Where files live, what the machine offers, random seeds, progress bars, safe writing, Colab."""

import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

MUSESCORE_NAMES = ("mscore4portable", "mscore", "musescore", "MuseScore4", "MuseScore3", "mscore4",
                   "musescore4", "mscore3", "musescore3")  # fmt: skip
MUSESCORE_PLACES = (
    "/Applications/MuseScore 4.app/Contents/MacOS/mscore",
    "/Applications/MuseScore 3.app/Contents/MacOS/mscore",
    "C:/Program Files/MuseScore 4/bin/MuseScore4.exe",
    "C:/Program Files/MuseScore 3/bin/MuseScore3.exe",
)
PACKAGES = ("tensorflow", "keras", "music21", "numpy", "ipywidgets", "matplotlib", "pretty_midi")


def project_root():
    """Return the nearest folder above that holds `pyproject.toml`, else the working directory."""
    here = Path.cwd().resolve()
    folders = (here, *here.parents)
    return next((folder for folder in folders if (folder / "pyproject.toml").is_file()), here)


def data_sample():
    """Return the folder of the sample collection, in the repository or in the installed package.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "data_sample", package.parent / "data_sample"):
        if (folder / "manifest.csv").is_file():
            return folder
    raise FileNotFoundError(f"{package} came without data_sample; install the course again")


def locate(path):
    """Return the file or folder that a lesson names, in the project or in the packaged sample.

    Args:
        path: from the project's folder; an absolute path stays as it is.

    Returns:
        Path, whether or not it exists.

    Introduced in lesson 01.
    """
    found = project_root() / path
    first, *rest = Path(path).parts or ("",)
    return data_sample().joinpath(*rest) if first == "data_sample" and not found.exists() else found


def in_colab():
    """Return whether this Python is a Colab kernel."""
    return "google.colab" in sys.modules


def prepare_colab(keep_on_drive=False):
    """Install what Colab lacks for good sound; if asked, keep `outputs/` in the learner's Drive.

    What fails is printed, and the lesson goes on. Elsewhere than on Colab this does nothing.

    Args:
        keep_on_drive: bool, ask for the Drive, so that the next lesson finds what this one made.
    """
    if not in_colab():
        return
    fetch = "apt-get -qq update && apt-get -qq install -y --no-install-recommends libfluidsynth3"
    subprocess.run(fetch, shell=True, capture_output=True, check=False)
    if keep_on_drive:
        drive = project_root() / "drive"  # /content/drive, as every notebook on Colab has it
        try:
            importlib.import_module("google.colab.drive").mount(str(drive))
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
    """Return the versions that a bug report needs, {package: version or "absent"}."""
    found = {"python": platform.python_version()} | dict.fromkeys(PACKAGES, "absent")
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def gpu_names():
    """Return the names of the GPUs, found without importing TensorFlow: list of str."""
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    texts = [card.read_text(errors="replace") for card in cards]
    return [name for text in texts for name in re.findall(r"(?m)^Model:\s*(.*\S)", text)]


def report():
    """Print versions, the processor, optional tools, and what to do without a GPU on Colab."""
    print("  ".join(f"{name} {version}" for name, version in versions().items()))
    gpus = gpu_names()
    print(f"{os.cpu_count() or 1} CPU cores, GPU: {', '.join(gpus) or 'none'}")
    if not gpus and in_colab():
        print("Training is faster on a GPU: menu Runtime > Change runtime type > T4 GPU.")
    try:
        musescore = find_musescore()
    except FileNotFoundError:  # MUSESCORE names none; lesson 01 says so where it matters
        musescore = None
    verovio = importlib.util.find_spec("verovio")
    tools = {"MuseScore": musescore, "FluidSynth": has_fluidsynth(), "Verovio": verovio}
    print("optional tools: " + ", ".join(f"{k} {'yes' if v else 'no'}" for k, v in tools.items()))


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`, and rename it into place when the block succeeds.

    A reader therefore sees the whole file or none, also after a power cut.

    Args:
        path: the file to make; its folder is created.

    Yields:
        Path with the same suffix, in the same folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".weights.h5") else path.suffix
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file private; a finished artefact follows the user's umask instead.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(path, target):
    """Move a finished file to its place, on the same disk.

    Its bytes reach the disk before its name does, so that a power cut leaves no empty file.

    Args:
        path: Path of the finished file.
        target: Path; its folder is created.
    """
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)


class ProgressBar(tqdm):
    """A progress bar that leaves one plain line when all is done: "MIDI to MXL: 57 in 4 s"."""

    def close(self):
        """Remove the bar, once, and print what was done."""
        if self.disable:
            return
        super().close()
        done = self.n - self.initial
        seconds = self.format_dict["elapsed"]
        rest = f" of {self.total - self.initial:,}" if self.total and self.n < self.total else ""
        if done or rest:
            print(f"{self.desc.rstrip(': ')}: {done:,}{rest} in {seconds:.0f} s")


def progress_bar(iterable=None, *, total=None, description="", progress=True):
    """Return a ProgressBar.

    Args:
        iterable: what to loop over, or None to call `update` by hand.
        total: int, the number of items where `iterable` has no length.
        description: str shown before the bar.
        progress: bool, False for silence.
    """
    return ProgressBar(iterable, total=total, desc=description, disable=not progress, leave=False)


def upload(folder):
    """Copy files of the learner's computer into a folder; a .zip is unpacked there.

    On Colab the browser asks for the files. Elsewhere this only prints where to copy them.

    Introduced in lesson 07.

    Args:
        folder: where the files go, from the project's folder; made if needed.

    Returns:
        sorted list of Path, the new files.

    Raises:
        ValueError: a .zip file cannot be read.
    """
    folder = project_root() / folder
    folder.mkdir(parents=True, exist_ok=True)
    if not in_colab():
        print(f"copy your files into {folder}")
        return []
    before = set(folder.rglob("*"))
    with contextlib.chdir(folder):  # Colab saves into the working directory
        _colab_files().upload()
    for path in sorted(set(folder.glob("*.zip")) - before):
        _unpack(path)
    return sorted(path for path in set(folder.rglob("*")) - before if path.is_file())


def _unpack(path):
    """Unpack a .zip file beside itself and delete it."""
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.parent)  # it keeps every name inside the folder
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no whole .zip file ({error}); upload it again") from error
    path.unlink()


def download(path):
    """Download a file, or a folder as one .zip, to the learner's computer.

    On Colab the browser saves it. Elsewhere this only prints where it is.

    Introduced in lesson 07.

    Args:
        path: a file, or a folder such as outputs/runs/lesson_06, from the project's folder.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    path = project_root() / path
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; run the cells that make it first")
    if not in_colab():
        print(f"it is on this computer: {path}")
        return
    if path.is_dir():
        path = Path(shutil.make_archive(str(path), "zip", path.parent, path.name))
    _colab_files().download(str(path))


def _colab_files():
    """Return Colab's own module for uploads and downloads, which no package brings."""
    return importlib.import_module("google.colab.files")


def shorten(text, limit=300):
    """Return a text without control characters, at most `limit` characters long."""
    text = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def find_musescore():
    """Return MuseScore's program, by the MUSESCORE variable or its usual names and places.

    Returns:
        str, or None where there is none.

    Raises:
        FileNotFoundError: MUSESCORE names a program that is not there.

    Introduced in lesson 01.
    """
    chosen = os.environ.get("MUSESCORE")
    places = [os.path.expanduser(chosen)] if chosen else [*MUSESCORE_NAMES, *MUSESCORE_PLACES]
    program = next(filter(None, map(shutil.which, places)), None)
    if chosen and program is None:
        raise FileNotFoundError(f"MUSESCORE is set to {chosen!r}, which is no program; correct it")
    return program


@functools.cache
def has_fluidsynth():
    """Return whether pyfluidsynth, its C library and the soundfont can all be found."""
    try:
        import fluidsynth  # noqa: F401  (raises ImportError when the C library is missing)
    except (ImportError, OSError):
        return False
    return find_soundfont() is not None


def find_soundfont():
    """Return the path of pretty_midi's soundfont, found without importing it; None if absent."""
    package = importlib.util.find_spec("pretty_midi")
    path = package and Path(package.origin).with_name("TimGM6mb.sf2")
    return path if path and path.exists() else None
