"""What prose says can be checked: no number by hand, no false claim again, no sound but promised.

A number in prose is a literal of the lesson's or the package's code, whole beats of time steps, a
year, a lesson's, or stands in a question; any other belongs into a cell that prints it.
"""

import ast
import math
import re

from tools.lessons import ROOT, code_cells

# The first attempt's gigabytes and beats, how many folk tunes there are, logarithms; then examples.
FACTS = {350, 800, 4_300, 3_900, 22, 700, 12_344, 12_345}
FACTS |= {round(math.log(2), 2), round(math.log(10), 1), round(math.log(100), 1)}
NUMBER = r"(?<![\w.,/#^-])\d[\d,]*(?:\.\d+)?(?=\s?(%)?)(?![\w/]|,\d|\.\d)"
ASIDE = r"<details.*?</details>|```.*?```|`[^`]*`|<[^>]+>|\]\([^)]*\)|^ *\d+\. |^#+ \d+\.?"
ASIDE += r"|[Ll]essons?\W+(?:\d\d\W+(?:and |to |or )?)+|^\| *\d\d *\||[^.!?\n]*(?:\n[^.!?\n]+)*\?"
FALSE = r"long game|no rule can tell|as often as you like|a sixteenth, a quarter, a measure, two"
FALSE += r"|asks only|occur all the time|first bit is free|even a growing|repeats \w+self less"
FALSE += r"|nothing is wrong|three overlaps|misses first|Run the notebook to use"


def literals(sources):
    """Return the numbers that stand in some source texts."""
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {float(value) for value in values if isinstance(value, int | float)}


def unproved(text, known):
    """List the numbers of a prose text that are neither known nor whole beats, years, lessons."""
    text = re.sub(ASIDE, " ", text.split("## Check yourself")[0], flags=re.DOTALL | re.MULTILINE)
    found = []
    for number in re.finditer(NUMBER, text):
        value = float(number[0].replace(",", ""))
        year = 1800 < value < 2100 and "," not in number[0]
        in_code = round(value / 100, 6) if number[1] else value
        if not year and value % 24 and not {value, in_code} & known:
            found.append(number[0])
    return found


PACKAGED = literals(path.read_text("utf-8") for path in (ROOT / "lstmgan_utils").rglob("*.py"))


def test_numbers_in_prose_come_from_code(notebook):
    prose = [cell.source for cell in notebook.cells[1:] if cell.cell_type == "markdown"]
    code = (re.sub(r"^\s*[%!].*", "", cell.source, flags=re.M) for cell in code_cells(notebook))
    assert unproved("\n\n".join(prose), PACKAGED | literals(code) | FACTS) == []


def test_a_number_by_hand_is_found():
    text = "In lesson 05 (Goodfellow 2014) 192 steps of `x = 7`, 96.81 % of 3 bars. Or 5?"
    assert unproved(text, {3.0}) == ["96.81"] and unproved(text, {0.9681, 3.0}) == []


def test_what_readers_found_false_is_not_said_again(notebook):
    cells = [cell.source for cell in notebook.cells if re.search(FALSE, cell.source)]
    assert cells == []


def test_a_prediction_is_answered_and_a_sound_is_there_at_once(notebook):
    for place, cell in enumerate(notebook.cells):
        after = [c.source for c in notebook.cells[place + 1 :] if c.cell_type == "code"]
        if "**Predict" in cell.source:
            assert notebook.cells[place + 1].cell_type == "code", cell.source
        if "**Listen" in cell.source:
            assert re.search("[Pp]lay|[Pp]anel|listen|hear", "".join(after[:2])), cell.source
