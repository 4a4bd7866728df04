"""Every exercise's stub and its folded solution agree: names and signatures alike, other code.

That stubs and solutions run without an exception is what test_notebooks_execute shows.
"""

import ast
import copy

from tools.lessons import code_cells, has_tag, solution_of
from tools.run_notebooks import unfold_solutions


def pairs(notebook):
    """List (stub, solution) sources: each exercise cell and the fold that follows."""
    cells = notebook.cells
    return [
        (cell.source, solution_of(fold)[1])
        for cell, fold in zip(cells, cells[1:], strict=False)
        if has_tag(cell, "exercise")
    ]


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


def test_each_solution_defines_what_its_stub_does_in_another_way(notebook):
    for stub, solution in pairs(notebook):
        assert interface(stub), f"the stub defines nothing:\n{stub}"
        assert interface(stub).items() <= interface(solution).items()
        assert ast.dump(ast.parse(stub)) != ast.dump(ast.parse(solution))


def test_every_fold_is_run_in_its_place(notebook):
    unfolded = copy.deepcopy(notebook)
    unfold_solutions(unfolded)
    assert not any("<summary>Solution" in cell.source for cell in unfolded.cells)
    codes = [code for _, code in pairs(notebook)]
    assert codes and [cell.source for cell in code_cells(unfolded, "solution")] == codes
