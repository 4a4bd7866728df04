"""Settings and fixtures that all tests share."""

import os

# Read by TensorFlow and matplotlib when they are first imported, in this process or a kernel.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from tools.lessons import lesson_paths, read_lesson


def pytest_generate_tests(metafunc):
    """Run a test that asks for `lesson` once for every notebook."""
    if "lesson" in metafunc.fixturenames:
        paths = lesson_paths()
        metafunc.parametrize("lesson", paths, ids=[path.stem for path in paths], scope="module")


@pytest.fixture(scope="module")
def notebook(lesson):
    """Give the lesson as a NotebookNode; tests read it and leave it as it is."""
    return read_lesson(lesson)
