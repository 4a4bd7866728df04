"""The ground floor: where files live, what the machine offers, seeds, progress, safe writing."""

import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import random
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
    """Find the project's folder: the nearest one above that holds `pyproject.toml`.

    Returns:
        Path, the working directory itself where there is none (an installed package on Colab).
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    return here


def data_sample():
    """Find the course's own small collection: in the repository, or inside the installed package.

    Returns:
        Path of the folder that holds `midi/` and `manifest.csv`.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "data_sample", package.parent / "data_sample"):
        if (folder / "manifest.csv").is_file():
            return folder
    raise FileNotFoundError(f"{package} came without data_sample; install the course again")


def locate(path):
    """Find the file or folder that a lesson names: in the project, or in the packaged sample.

    Args:
        path: str or Path, from the project's folder; absolute paths stay as they are.

    Returns:
        Path, whether or not it exists.

    Introduced in lesson 01.
    """
    found = project_root() / path
    first, *rest = Path(path).parts or ("",)
    return data_sample().joinpath(*rest) if first == "data_sample" and not found.exists() else found


def in_colab():
    """Tell whether this Python is a Colab kernel."""
    return "google.colab" in sys.modules


def prepare_colab(keep_on_drive=False):
    """Fetch what Colab lacks for good sound and, if asked, keep `outputs/` in the learner's Drive.

    Nothing here is required: whatever fails is said, and the lesson goes on. Elsewhere than on
    Colab this does nothing.

    Args:
        keep_on_drive: bool, ask for the Drive, so that the next lesson finds what this one made.
    """
    if not in_colab():
        return
    fetch = "apt-get -qq update && apt-get -qq install -y --no-install-recommends libfluidsynth3"
    subprocess.run(fetch, shell=True, capture_output=True, check=False)
    if keep_on_drive:
        try:
            keep_outputs(mount_drive())
        except Exception as error:  # Colab names no class for "declined" or "cookies are blocked"
            print(f"Drive is not used: {error}. outputs/ is lost when this machine is given back.")


def mount_drive():
    """Ask for the learner's Google Drive: Path of the course's folder in it."""
    place = project_root() / "drive"  # /content/drive, as every notebook on Colab has it
    importlib.import_module("google.colab.drive").mount(str(place))
    return place / "MyDrive" / "lstm-gan"


def keep_outputs(folder):
    """Make `outputs` a link into a folder that outlives this machine, and the cache, too.

    Args:
        folder: Path; it is created.

    Raises:
        FileExistsError: There is a folder `outputs` already, whose files would be hidden.
    """
    outputs = project_root() / "outputs"
    if outputs.exists() and not outputs.is_symlink():
        raise FileExistsError("outputs/ holds files already; rename it and run this cell again")
    os.environ.setdefault("LSTMGAN_CACHE", str(folder / "cache"))
    (folder / "outputs").mkdir(parents=True, exist_ok=True)
    outputs.unlink(missing_ok=True)
    outputs.symlink_to(folder / "outputs", target_is_directory=True)
    print(f"outputs/ is kept in {folder}")


def set_seed(seed):
    """Seed Python, numpy and, where it is loaded, Keras with one number.

    Args:
        seed: int, 0 to 2**32 - 1.
    """
    random.seed(seed)
    np.random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)


def versions():
    """List the installed versions that a bug report needs.

    Returns:
        dict of str to str; a package that is absent maps to "absent".
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def gpu_names():
    """List the GPUs that the system shows, without importing TensorFlow.

    Returns:
        list of str, empty on a CPU-only machine.
    """
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return [
        line.split(":", 1)[1].strip()
        for card in cards
        for line in card.read_text(errors="replace").splitlines()
        if line.startswith("Model")
    ]


def report():
    """Print versions, the processor and what to do without a GPU. It never stops a lesson."""
    print("  ".join(f"{name} {version}" for name, version in versions().items()))
    gpus = gpu_names()
    cores = os.cpu_count() or 1
    print(f"{cores} CPU cores, GPU: {', '.join(gpus) if gpus else 'none'}")
    if not gpus and in_colab():
        print("Training is faster on a GPU: menu Runtime > Change runtime type > T4 GPU.")
    print("optional tools: " + ", ".join(f"{k} {v}" for k, v in optional_tools().items()))


def optional_tools():
    """Ask the rooms that use an optional tool whether they find it: dict of name to yes or no."""
    try:
        score_program = find_musescore()
    except FileNotFoundError:  # MUSESCORE names none; lesson 01 says so where it matters
        score_program = None
    found = {
        "MuseScore": score_program,
        "FluidSynth": has_fluidsynth(),
        "Verovio": importlib.util.find_spec("verovio"),
    }
    return {name: "yes" if tool else "no" for name, tool in found.items()}


@contextlib.contextmanager
def atomic_path(path):
    """Give a temporary path beside `path`, and rename it into place when the block succeeds.

    A reader therefore sees the whole file or none, also after a power cut.

    Args:
        path: str or Path of the file to make; its folder is created.

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

    Its bytes reach the disk before its name does, so that a power cut leaves no empty file behind
    a row that says "converted".

    Args:
        path: Path of the finished file.
        target: Path; its folder is created.
    """
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)


class ProgressBar(tqdm):
    """A bar that goes when all is done, and leaves one plain line: "MIDI to MXL: 57 in 4 s"."""

    def close(self):
        """Take the bar away, once, and say what was done."""
        if self.disable:
            return
        super().close()
        done = self.n - self.initial
        seconds = self.format_dict["elapsed"]
        rest = f" of {self.total - self.initial:,}" if self.total and self.n < self.total else ""
        if done or rest:
            print(f"{self.desc.rstrip(': ')}: {done:,}{rest} in {seconds:.0f} s")


def progress_bar(iterable=None, *, total=None, description="", progress=True):
    """Make the one progress bar of the project.

    Args:
        iterable: what to loop over, or None to call `update` by hand.
        total: int, the number of items where `iterable` does not tell.
        description: str shown before the bar.
        progress: bool, False for silence.

    Returns:
        ProgressBar.
    """
    return ProgressBar(iterable, total=total, desc=description, disable=not progress, leave=False)


def upload(folder):
    """Put files of the learner's computer into a folder; what comes as .zip is unpacked.

    On Colab the browser asks for the files. Elsewhere they are copied by hand, and this only says
    where to.

    Introduced in lesson 07.

    Args:
        folder: where the files go, from the project's folder; made if needed.

    Returns:
        sorted list of Path, the files that came; empty where nothing was asked.

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
        unpack(path)
    return sorted(path for path in set(folder.rglob("*")) - before if path.is_file())


def unpack(path):
    """Unpack a .zip file beside itself and delete it.

    Args:
        path: Path of the file.

    Raises:
        ValueError: it is not a whole .zip file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.parent)  # it keeps every name inside the folder
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no whole .zip file ({error}); upload it again") from error
    path.unlink()


def download(path):
    """Bring a file, or a folder as one .zip, to the learner's computer.

    On Colab the browser saves it. Elsewhere it is there already, and this only says where.

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
    """Colab's own module for uploads and downloads, which no package brings."""
    return importlib.import_module("google.colab.files")


def shorten(text, limit=300):
    """Make a text fit for one cell of a table: no control characters, and no longer than this."""
    text = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def find_musescore():
    """Find MuseScore: the MUSESCORE variable first, then the names and places it is known by.

    Returns:
        str, the program; None where there is none.

    Raises:
        FileNotFoundError: MUSESCORE names a program that is not there.

    Introduced in lesson 01.
    """
    chosen = os.environ.get("MUSESCORE")
    if chosen:
        program = shutil.which(os.path.expanduser(chosen))
        if program is None:
            raise FileNotFoundError(
                f"MUSESCORE is set to {chosen!r}, which is no program; correct it"
            )
        return program
    return next(filter(None, map(shutil.which, (*MUSESCORE_NAMES, *MUSESCORE_PLACES))), None)


@functools.cache
def has_fluidsynth():
    """Whether pyfluidsynth, its C library and the soundfont can all be found."""
    try:
        import fluidsynth  # noqa: F401  (raises ImportError when the C library is missing)
    except (ImportError, OSError):
        return False
    return find_soundfont() is not None


def find_soundfont():
    """Path of pretty_midi's soundfont, found without importing pretty_midi; None if absent."""
    package = importlib.util.find_spec("pretty_midi")
    path = package and Path(package.origin).with_name("TimGM6mb.sf2")
    return path if path and path.exists() else None
