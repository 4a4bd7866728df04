"""Every lesson has the shape that a learner can rely on: parts, lengths, tags, links."""

import ast
import json
import re
import statistics

import pytest

from tools import build_navigation
from tools.lessons import (
    ROOT,
    code_cells,
    has_tag,
    lesson_paths,
    project_table,
    promise_of,
    read_parameters,
    solution_of,
    title_of,
)

LESSONS = [
    "00_start_here",
    "01_midi_to_mxl",
    "02_single_instrument",
    "03_piano_rolls",
    "04_discriminator",
    "05_generator",
    "06_training",
    "07_resample",
]
# In this order; a lesson's own sections stand between Setup and Break it.
PARTS = [
    "You will learn",
    "Setup",
    "Break it",
    "Exercises",
    "Summary",
    "Check yourself",
    "Next",
]
PIPELINE = "MIDI folder → MXL folder → kept scores → piano rolls → songs store → LSTM-GAN → music"
REFUSED = {
    r"score_svg\((?!.*tempo=)": "engraves a tempo that nobody plays",
    r"# (fmt|noqa|ruff)": "is the editor's business, not the learner's",
    r"!\s*pip|%pip|-U\b.*pip|pip.*--upgrade": "installs outside the setup cell",
    r"import \*": "hides where names come from",
    r"gdown|drive\.mount": "needs somebody's Drive",
    r"\b(TODO|FIXME|XXX)\b": "is unfinished",
}


def markdown_cells(notebook):
    """List the prose cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def prose(notebook):
    """Join the prose, without HTML, code blocks, pictures and link targets."""
    text = "\n".join(cell.source for cell in markdown_cells(notebook))
    text = re.sub(r"```.*?```|<!--.*?-->|<[^>]+>", " ", text, flags=re.DOTALL)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def headings(notebook, level):
    """List the headings of one level, in order, outside code blocks."""
    text = "\n\n".join(cell.source for cell in markdown_cells(notebook))
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.findall(rf"^#{{{level}}} (.+?)\s*$", text, re.MULTILINE)


def section(notebook, title):
    """Give the prose of one level-two section."""
    text = "\n\n".join(cell.source for cell in markdown_cells(notebook))
    return re.split(r"^## ", text.split(f"## {title}\n", 1)[-1], maxsplit=1, flags=re.MULTILINE)[0]


def line_counts(notebook):
    """Count the non-blank lines of each code cell, and of each folded solution."""
    folded = (solution[1] for cell in notebook.cells if (solution := solution_of(cell)))
    sources = [*(cell.source for cell in code_cells(notebook)), *folded]
    return [sum(bool(line.strip()) for line in source.splitlines()) for source in sources]


def test_course_is_complete():
    # Further lessons may follow; these eight are the course.
    assert [path.stem for path in lesson_paths()][: len(LESSONS)] == LESSONS


def test_files_are_in_the_kept_form():
    assert [path.name for path in build_navigation.stale_files()] == []


def test_file_holds_no_output_and_has_ids(lesson):
    document = json.loads(lesson.read_text(encoding="utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert document["metadata"]["kernelspec"]["language"] == "python"
    assert "widgets" not in document["metadata"]
    ids = [cell["id"] for cell in document["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_first_cell_promises_a_sound(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S.*\n+<!-- navigation -->", first.source)
    assert promise_of(notebook), "say *At the end you will hear …*"
    assert re.search(r"\d+\s*minutes?", first.source), "say how long it takes"


def test_badge_opens_this_file_at_this_version(lesson, notebook):
    project = project_table()
    assert build_navigation.colab_address(lesson) in notebook.cells[0].source
    repository = project["urls"]["Repository"]
    text = "\n".join(cell.source for cell in notebook.cells)
    for address in re.findall(
        r"https://github\.com/[\w.-]+/[\w.-]+?(?:\.git)?(?=[@\s)\"'/]|$)", text
    ):
        if "lstm" in address:
            assert address.removesuffix(".git") == repository
    for tag in re.findall(r"lstm-gan(?:\.git)?@([\w.]+)", text):
        assert tag == f"v{project['version']}"


def test_parts_stand_in_order(notebook):
    assert len(headings(notebook, 1)) == 1, "one level-one heading: the title"
    found = headings(notebook, 2)
    places = [found.index(part) for part in PARTS if part in found]
    assert [part for part in PARTS if part not in found] == []
    assert places == sorted(places)


def test_goals_and_pipeline(notebook):
    goals = section(notebook, "You will learn")
    assert 3 <= len(re.findall(r"^\s*[-*\d.]+ ", goals, re.MULTILINE)) <= 5
    strips = [line for line in goals.splitlines() if len(re.findall("→|▶", line)) >= 3]
    assert len(strips) == 1, "one pipeline strip, its stages joined by →"
    assert strips[0].replace("**", "") == PIPELINE
    assert len(re.findall(r"\*\*.+?\*\*", strips[0])) == 1, "the present stage in bold"


def test_prompts_and_questions(notebook):
    assert prose(notebook).count("**Predict.**") >= 2
    assert len(re.findall(r"^\d+\. ", section(notebook, "Check yourself"), re.MULTILINE)) == 5


def test_cell_counts(notebook):
    assert 40 <= len(notebook.cells) <= 80
    assert len(markdown_cells(notebook)) >= len(code_cells(notebook))


def test_cell_lengths(notebook):
    counts = line_counts(notebook)
    assert statistics.median(counts) <= 6
    assert sorted(counts)[int(0.9 * (len(counts) - 1))] <= 15
    assert max(counts) <= 25


def test_amount_of_prose(notebook):
    assert 900 <= len(re.findall(r"\w+(?:['’]\w+)?", prose(notebook))) <= 1800


def test_setup_cell(notebook):
    cells = code_cells(notebook, "setup")
    assert len(cells) == 1
    lines = [line for line in cells[0].source.splitlines() if line.strip()]
    assert len(lines) <= 12
    assert "google.colab" in cells[0].source and "git+" in cells[0].source
    assert lines[-1].strip() == "runtime.report()"


def test_parameters_cell(notebook):
    cells = code_cells(notebook, "parameters")
    assert len(cells) == 1
    statements = ast.parse(cells[0].source).body
    assert all(isinstance(statement, ast.Assign) for statement in statements)
    values = read_parameters(notebook)  # raises where a value is no literal
    assert values and all(name.isupper() for name in values)
    lines = cells[0].source.splitlines()
    for statement in statements:
        written = lines[statement.lineno - 1 : statement.end_lineno]
        assert any("# @param" in line for line in written), written[0]


def test_exercises_are_stub_then_folded_solution(notebook):
    cells = notebook.cells
    places = [i for i, cell in enumerate(cells) if has_tag(cell, "exercise")]
    assert 3 <= len(places) <= 5
    assert [i - 1 for i, cell in enumerate(cells) if solution_of(cell)] == places
    assert not code_cells(notebook, "solution"), "a solution stands in plain view"


@pytest.mark.parametrize("pattern", REFUSED, ids=REFUSED.values())
def test_refused_habits(notebook, pattern):
    cells = [cell for cell in notebook.cells if not has_tag(cell, "setup")]
    found = [
        line for cell in cells for line in cell.source.splitlines() if re.search(pattern, line)
    ]
    assert found == []


def test_code_parses(notebook):
    for cell in code_cells(notebook):
        lines = cell.source.splitlines()
        ast.parse("\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines))


def test_title_is_sentence_case(notebook):
    words = title_of(notebook).split()
    capitals = {"MIDI", "MXL", "LSTM", "GAN", "LSTM-GAN", "MusicXML", "MuseScore"}
    assert [w for w in words[1:] if w[0].isupper() and w.strip(".,:;?!") not in capitals] == []


def test_links_inside_the_project_lead_somewhere(lesson, notebook):
    text = "\n".join(cell.source for cell in markdown_cells(notebook))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http", "attachment:")):
            assert (lesson.parent / target).exists(), target
    for name in re.findall(r"\b(?:tests|tools|data_sample|lstmgan_utils)/[\w/]+\.\w+", text):
        assert (ROOT / name).exists(), name
