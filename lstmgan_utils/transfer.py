"""Files between the learner's computer and Colab: uploads and downloads through the browser."""

import contextlib
import importlib
import shutil
import zipfile
from pathlib import Path

from lstmgan_utils.runtime import in_colab, project_root


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
