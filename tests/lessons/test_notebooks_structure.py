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
)

LESSONS = ["00_start_here", "01_midi_to_mxl", "02_single_instrument", "03_piano_rolls"]
LESSONS += ["04_discriminator", "05_generator", "06_training", "07_resample"]
# In this order; a lesson's own sections stand between Setup and Break it.
PARTS = ["You will learn", "Setup", "Break it", "Exercises", "Summary", "Check yourself", "Next"]
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
    assert "widgets" not in document["metadata"]
    cells = document["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_first_cell_promises_a_sound(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S.*\n+<!-- navigation -->", first.source)
    assert promise_of(notebook), "say *At the end you will hear …*"
    assert re.search(r"\d+\s*minutes?", first.source), "say how long it takes"


def test_badge_opens_this_file_at_this_version(lesson, notebook):
    project = project_table()
    assert build_navigation.colab_address(lesson) in notebook.cells[0].source
    text = "\n".join(cell.source for cell in notebook.cells)
    addresses = re.findall(r"https://github\.com/[\w.-]+/[\w.-]*lstm[\w-]*", text)
    assert set(addresses) <= {project["urls"]["Repository"]}
    assert set(re.findall(r"lstm-gan(?:\.git)?@([\w.]+)", text)) <= {f"v{project['version']}"}


def test_parts_stand_in_order(notebook):
    assert len(headings(notebook, 1)) == 1, "one level-one heading: the title"
    assert [part for part in headings(notebook, 2) if part in PARTS] == PARTS


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


def test_cells_are_many_and_short_and_prose_is_bounded(notebook):
    assert 40 <= len(notebook.cells) <= 80
    assert len(markdown_cells(notebook)) >= len(code_cells(notebook))
    counts = line_counts(notebook)
    assert statistics.median(counts) <= 6 and max(counts) <= 25
    assert sorted(counts)[int(0.9 * (len(counts) - 1))] <= 15
    assert 900 <= len(re.findall(r"\w+(?:['’]\w+)?", prose(notebook))) <= 1800


def test_setup_cell(notebook):
    (cell,) = code_cells(notebook, "setup")
    lines = [line for line in cell.source.splitlines() if line.strip()]
    assert len(lines) <= 12 and lines[-1].strip() == "runtime.report()"


def test_parameters_cell(notebook):
    (cell,) = code_cells(notebook, "parameters")
    statements = ast.parse(cell.source).body
    values = read_parameters(notebook)  # raises where a value is no literal
    assert values and all(name.isupper() for name in values)
    lines = cell.source.splitlines()
    for statement in statements:
        written = lines[statement.lineno - 1 : statement.end_lineno]
        assert isinstance(statement, ast.Assign)
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


def test_links_inside_the_project_lead_somewhere(lesson, notebook):
    text = "\n".join(cell.source for cell in markdown_cells(notebook))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http", "attachment:")):
            assert (lesson.parent / target).exists(), target
    for name in re.findall(r"\b(?:tests|tools|data_sample|lstmgan_utils)/[\w/]+\.\w+", text):
        assert (ROOT / name).exists(), name


def test_every_engraved_score_says_its_tempo():
    for lesson in lesson_paths():
        for call in re.findall(
            r"(?:score_svg|to_score|write_score)\(.*", lesson.read_text("utf-8")
        ):
            assert "tempo" in call or "**how" in call, (lesson.name, call)
