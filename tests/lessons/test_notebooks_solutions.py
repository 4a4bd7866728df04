"""Every exercise's stub and its folded solution agree: names and signatures alike, other code.

That stubs and solutions run without an exception is what test_notebooks_execute shows.
"""

import ast
import copy

from tools.lessons import code_cells, has_tag, solution_of, unfold_solutions


def pairs(notebook):
    """List (stub, solution) sources: each exercise cell and the fold that follows."""
    stub, found = None, []
    for cell in notebook.cells:
        if has_tag(cell, "exercise"):
            stub = cell.source
        elif solution := solution_of(cell):
            found.append((stub, solution[1]))
            stub = None
    return found


def signatures(source):
    """Map each top-level function or class to its arguments."""
    return {
        node.name: ast.dump(node.args) if isinstance(node, ast.FunctionDef) else ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def assigned(source):
    """Collect the names that a cell's top level assigns."""
    targets = (
        name
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        for name in ast.walk(target)
    )
    return {name.id for name in targets if isinstance(name, ast.Name)}


def test_each_solution_defines_what_its_stub_does_in_another_way(notebook):
    assert pairs(notebook)
    for stub, solution in pairs(notebook):
        wanted, given = signatures(stub), signatures(solution)
        assert wanted or assigned(stub), f"the stub defines nothing:\n{stub}"
        assert {name: given.get(name) for name in wanted} == wanted
        assert wanted or assigned(stub) <= assigned(solution)
        assert ast.dump(ast.parse(stub)) != ast.dump(ast.parse(solution))


def test_every_fold_is_run_in_its_place(notebook):
    unfolded = copy.deepcopy(notebook)
    unfold_solutions(unfolded)
    assert not any("<summary>Solution" in cell.source for cell in unfolded.cells)
    codes = [code for _, code in pairs(notebook)]
    assert [cell.source for cell in code_cells(unfolded, "solution")] == codes
