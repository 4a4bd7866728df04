"""Every lesson has the shape that a learner can rely on: parts, lengths, tags, links."""

import ast
import copy
import itertools
import re
import statistics

import pytest

from tools import build_navigation
from tools.lessons import ROOT, about, code_cells, has_tag, read_parameters, solution_of
from tools.run_notebooks import unfold_solutions

# In this order; a lesson's own sections stand between Setup and Break it.
PARTS = ["You will learn", "Setup", "Break it", "Exercises", "Summary", "Check yourself", "Next"]
PIPELINE = "MIDI folder → MXL folder → kept scores → piano rolls → songs store → LSTM-GAN → music"
REFUSED = {
    r"(score_svg|to_score|write_score)\((?!.*(tempo|\*\*how))": "writes a tempo that nobody plays",
    r"# (fmt|noqa|ruff)": "is the editor's business, not the learner's",
    r"!\s*pip|%pip|-U\b.*pip|pip.*--upgrade": "installs outside the setup cell",
    r"import \*": "hides where names come from",
    r"gdown|drive\.mount": "needs somebody's Drive",
    r"\b(TODO|FIXME|XXX)\b": "is unfinished",
    r"\bOutput\(|\binteract": "may halt the runner until its time is up (nbclient's issue 312)",
}


def prose(notebook):
    """Join the Markdown cells, without folds, HTML, code blocks, pictures and link targets."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = re.sub(r"<details.*?</details>|```.*?```|<!--.*?-->|<[^>]+>", " ", text, flags=re.DOTALL)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def section(notebook, title):
    """Give the prose of one level-two section."""
    return prose(notebook).split(f"## {title}\n", 1)[-1].split("\n## ", 1)[0]


def exercises(notebook):
    """List (stub, solution) sources: each exercise cell and the fold that follows."""
    pairs = itertools.pairwise(notebook.cells)
    return [(a.source, solution_of(b)[1]) for a, b in pairs if has_tag(a, "exercise")]


def test_lessons_readme_and_docs_are_in_the_kept_form():
    assert [path.name for path in build_navigation.stale_files()] == []


def test_first_cell_promises_a_sound_and_says_how_long_it_takes(lesson, notebook):
    first = notebook.cells[0].source
    assert re.match(r"# \S.*\n+<!-- navigation -->", first)
    assert all(about(notebook)), "a title, *At the end you will hear …*, minutes"
    assert build_navigation.colab_address(lesson) in first


def test_parts_goals_pipeline_prompts_and_questions(notebook):
    headings = re.findall(r"^(##?) (.+?)\s*$", prose(notebook), re.MULTILINE)
    assert [level for level, _ in headings].count("#") == 1, "one level-one heading: the title"
    assert [title for _, title in headings if title in PARTS] == PARTS
    goals = section(notebook, "You will learn")
    assert 3 <= len(re.findall(r"^\s*[-*\d.]+ ", goals, re.MULTILINE)) <= 5
    (strip,) = [line for line in goals.splitlines() if line.count("→") >= 3]
    assert strip.replace("**", "") == PIPELINE
    assert len(re.findall(r"\*\*.+?\*\*", strip)) == 1, "the present stage in bold"
    assert prose(notebook).count("**Predict.**") >= 2
    assert len(re.findall(r"^\d+\. ", section(notebook, "Check yourself"), re.MULTILINE)) == 5


def test_cells_are_many_and_short_and_prose_is_bounded(notebook):
    assert 40 <= len(notebook.cells) <= 85
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    sources = [cell.source for cell in code_cells(notebook)]
    sources += [solution for _, solution in exercises(notebook)]
    counts = [sum(bool(line.strip()) for line in source.splitlines()) for source in sources]
    assert statistics.median(counts) <= 9 and max(counts) <= 25
    assert sorted(counts)[int(0.9 * (len(counts) - 1))] <= 15
    assert 800 <= len(re.findall(r"\w+(?:['’]\w+)?", prose(notebook))) <= 1800


def test_setup_reports_and_parameters_are_plain_values_with_forms(notebook):
    (setup,), (cell,) = code_cells(notebook, "setup"), code_cells(notebook, "parameters")
    assert setup.source.endswith("\nruntime.report()")
    values = read_parameters(notebook)  # raises where a value is no literal
    assert all(name.isupper() for name in values)
    assert len(ast.parse(cell.source).body) == cell.source.count("# @param") == len(values) > 0


@pytest.mark.parametrize("pattern", REFUSED, ids=REFUSED.values())
def test_refused_habits(notebook, pattern):
    cells = [cell for cell in notebook.cells if not has_tag(cell, "setup")]
    lines = [line for cell in cells for line in cell.source.splitlines()]
    assert [line for line in lines if re.search(pattern, line)] == []


def test_links_inside_the_project_lead_somewhere(lesson, notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\((?!http|attachment:)([^)#\s]+)[^)]*\)", text):
        assert (lesson.parent / target).exists(), target
    for name in re.findall(r"\b(?:tests|tools|data_sample|lstmgan_utils)/[\w/]+\.\w+", text):
        assert (ROOT / name).exists(), name


def interface(source):
    """Map each name that a cell's top level defines or assigns to its arguments, if any."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.dump(node.args) if isinstance(node, ast.FunctionDef) else ""
        elif isinstance(node, ast.Assign):
            names = (name for target in node.targets for name in ast.walk(target))
            found |= {name.id: "" for name in names if isinstance(name, ast.Name)}
    return found


def test_exercises_are_stubs_each_with_a_folded_solution_that_is_run(notebook):
    places = [i for i, cell in enumerate(notebook.cells) if has_tag(cell, "exercise")]
    assert 3 <= len(places) <= 5
    assert [i - 1 for i, cell in enumerate(notebook.cells) if solution_of(cell)] == places
    for stub, solution in exercises(notebook):
        assert interface(stub), f"the stub defines nothing:\n{stub}"
        assert interface(stub).items() <= interface(solution).items()
        assert ast.dump(ast.parse(stub)) != ast.dump(ast.parse(solution))
    assert not code_cells(notebook, "solution"), "a solution stands in plain view"
    unfolded = copy.deepcopy(notebook)
    unfold_solutions(unfolded)
    assert not any("<summary>Solution" in cell.source for cell in unfolded.cells)
    codes = [code for _, code in exercises(notebook)]
    assert [cell.source for cell in code_cells(unfolded, "solution")] == codes
