"""The tool that runs the notebooks: what it keeps, what it normalises, what --check does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import execute

TOOL = Path(execute.__file__)


def stored(text, data, source="f()"):
    outputs = [new_output("stream", name="stdout", text=text), new_output("display_data", data={"text/plain": data})]
    notebook = new_notebook(cells=[new_code_cell(source, outputs=outputs)])
    execute.normalise(notebook)
    return notebook


def test_a_stored_output_is_kept_only_where_clocks_alone_differ():
    old, same = stored("took 1.5 s, loss 1.25\n", "2.5 s"), stored("took 9.5 s, loss 1.25\n", "7.5 s")
    execute.keep_timings(same, old)
    assert same == old
    for text, data in (("took 1.5 s, loss 1.26\n", "2.5 s"), ("took 1.5 s, loss 1.25\n", "2.5 nats")):
        other = stored(text, data)
        execute.keep_timings(other, old)
        assert other == stored(text, data)


def test_normalising_gives_ids_and_counts():
    result = new_output("execute_result", data={"text/plain": "1"}, execution_count=77)
    notebook = new_notebook(cells=[new_code_cell("\n1\n", outputs=[result]), new_code_cell("1"), new_code_cell("")])
    execute.normalise(notebook)
    first, second, empty = notebook.cells
    assert first.source == "1"
    assert first.id != second.id
    assert (first.execution_count, second.execution_count, empty.execution_count) == (1, 2, None)
    assert first.outputs[0].execution_count == 1


@pytest.mark.slow
def test_check_stores_nothing_and_fails(tmp_path):
    path = tmp_path / "x.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)")]), path)
    before, command = path.read_bytes(), [sys.executable, str(TOOL), str(path)]
    assert subprocess.run([*command, "--check"], check=False, capture_output=True).returncode == 1
    assert path.read_bytes() == before
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert subprocess.run([*command, "--check"], check=False, capture_output=True).returncode == 0


def test_the_ledger_runs_when_the_others_are_done():
    names = ["02-x.ipynb", "claims.ipynb", "intro.ipynb"]
    batches = execute.in_order([Path(name) for name in names])
    assert [[path.name for path in batch] for batch in batches] == [["02-x.ipynb", "intro.ipynb"], ["claims.ipynb"]]
    assert execute.in_order([Path("claims.ipynb")]) == [[Path("claims.ipynb")]]
    assert execute.in_order([Path("intro.ipynb")]) == [[Path("intro.ipynb")]]
