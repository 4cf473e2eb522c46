"""What notebooks call: records for MyST-NB, listings, drawings, and their behaviour without IPython."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from rnncourse import book


@pytest.fixture
def shell() -> Any:
    """An IPython shell in this process, as a notebook has; it is gone after the test."""
    shell = InteractiveShell.instance()
    yield shell
    InteractiveShell.clear_instance()


def _displayed(run: Any) -> tuple[str, list]:
    with capture_output() as captured:
        run()
    return captured.stdout, captured.outputs


def test_glue_prints_and_records(shell: Any) -> None:
    out, records = _displayed(lambda: book.glue(loss=f"{1.5:.2f}", symbols=65, name=" a 'b' "))
    assert out == "loss = 1.50\nsymbols = 65\nname = a 'b'\n"
    assert [record.metadata["scrapbook"] for record in records] == [
        {"name": name, "mime_prefix": "application/papermill.record/"} for name in ("loss", "symbols", "name")
    ]
    texts = [record.data for record in records]
    assert [ast.literal_eval(data["application/papermill.record/text/plain"]) for data in texts] == [
        "1.50",
        "65",
        "a 'b'",
    ]


def test_glue_is_read_by_myst_nb(shell: Any) -> None:
    glue = pytest.importorskip("myst_nb.ext.glue")
    from myst_nb.core.variables import format_plain_text
    from nbformat.v4 import new_code_cell, new_output

    _, records = _displayed(lambda: book.glue(loss="1.50", many="1,234"))
    cell = new_code_cell(outputs=[new_output("display_data", data=r.data, metadata=r.metadata) for r in records])
    found = {key: output["data"]["text/plain"] for key, output in glue.extract_glue_data_cell(cell)}
    assert {key: format_plain_text(text, "s") for key, text in found.items()} == {"loss": "1.50", "many": "1,234"}
    assert cell.outputs == []


@pytest.mark.parametrize("value", [1.5, np.float64(1.5), np.int64(3), True, None, [1]])
def test_glue_refuses_what_is_not_formatted(value: Any) -> None:
    with pytest.raises(TypeError, match=r"glue\(loss=…\) must be a formatted string or an integer, got .*:\.3f"):
        book.glue(loss=value)


@pytest.mark.parametrize("value", ["", "  ", "a\nb"])
def test_glue_refuses_what_is_not_one_line(value: str) -> None:
    with pytest.raises(ValueError, match="one line of text"):
        book.glue(loss=value)
    with pytest.raises(ValueError, match="at least one name"):
        book.glue()


def test_glue_in_a_plain_session(capsys: pytest.CaptureFixture[str]) -> None:
    book.glue(loss="1.50")
    book.digest("fig-01-x", [1.0])
    assert capsys.readouterr().out == "loss = 1.50\n"


def _digest(shell: Any, *arrays: Any) -> str:
    out, records = _displayed(lambda: book.digest("fig-01-x", *arrays))
    assert out == "" and len(records) == 1
    assert records[0].metadata["scrapbook"]["name"] == "digest:fig-01-x"
    assert list(records[0].data) == ["application/papermill.record/text/plain"]
    return ast.literal_eval(records[0].data["application/papermill.record/text/plain"])


def test_digest_summarises(shell: Any) -> None:
    assert _digest(shell, [1.0, 2.0, 6.0]) == "shape (3,) min 1 mean 3 median 2 max 6 first 1 last 6"
    assert _digest(shell, [1.0, 2.0, 6.0]) != _digest(shell, [6.0, 2.0, 1.0])
    assert _digest(shell, 3, [[0.5]]) == (
        "shape () min 3 mean 3 median 3 max 3 first 3 last 3 | "
        "shape (1, 1) min 0.5 mean 0.5 median 0.5 max 0.5 first 0.5 last 0.5"
    )
    assert _digest(shell, [1.0, np.nan, np.inf]).endswith("max 1 first 1 last 1 not finite 2")
    assert _digest(shell, [np.nan]) == "shape (1,) not finite 1"
    assert "mean 0 " in _digest(shell, [0.1, 0.2, -0.3])


def test_digest_sees_a_change_and_not_the_last_digits(shell: Any) -> None:
    data = np.linspace(0.1, 2.0, 50)
    assert _digest(shell, data) == _digest(shell, data * (1 + 1e-12))
    assert _digest(shell, data) != _digest(shell, data * 1.01)
    assert _digest(shell, data) != _digest(shell, data[:-1])


def test_digest_refuses_what_is_no_data() -> None:
    with pytest.raises(ValueError, match="needs the arrays"):
        book.digest("fig-01-x")
    with pytest.raises(ValueError, match="with entries"):
        book.digest("fig-01-x", [])
    with pytest.raises(TypeError, match="must be given numbers"):
        book.digest("fig-01-x", ["a"])


class Sample:
    """A class.

    With two paragraphs.
    """

    def method(self) -> int:
        """Return one."""
        # A comment that stays.
        return 1


def test_show_source(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def listing(*args: Any, **options: Any) -> str:
        out, shown = _displayed(lambda: book.show_source(*args, **options))
        assert out == "" and len(shown) == 1
        text = shown[0].data["text/markdown"]
        assert text.startswith("```python\n") and text.endswith("\n```")
        return text[10:-3]

    short = "class Sample:\n    def method(self) -> int:\n        # A comment that stays.\n        return 1\n"
    assert listing(Sample) == short
    assert "With two paragraphs." in listing(Sample, docstring=True)
    assert listing(Sample.method, signature_only=True) == 'def method(self) -> int:\n    """Return one."""\n'
    ast.parse(listing(book.show_source))
    with pytest.raises(TypeError, match="written in Python"):
        book.show_source(len)
    with pytest.raises(TypeError, match="written in Python"):
        book.show_source(3)


def test_show_source_in_a_plain_session(capsys: pytest.CaptureFixture[str]) -> None:
    book.show_source(Sample.method)
    assert capsys.readouterr().out == "def method(self) -> int:\n    # A comment that stays.\n    return 1\n"


def test_svg_closes_the_figure() -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    drawing = book.svg(plt.figure())
    assert plt.get_fignums() == before
    assert drawing._repr_svg_().startswith("<svg ")
    assert repr(drawing) == "<diagram>"


def test_check_prints_and_returns(capsys: pytest.CaptureFixture[str], shell: Any) -> None:
    from rnncourse import exercises

    for name in exercises.known_ids()[:1]:
        verdict = book.check(name, ...)
        assert capsys.readouterr().out == f"{name}: not answered yet: replace the … by your answer.\n"
        assert not verdict
        assert repr(book.given(name)) == repr(exercises.given(name))
        assert shell.display_formatter.format(verdict) == ({}, {})
    with pytest.raises(ValueError, match="must be one of"):
        book.check("99-9", 1)
    with pytest.raises(ValueError, match="must be one of"):
        book.given("99-9")


def _plain_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_setup_loads_no_torch_and_sets_one_thread() -> None:
    out = _plain_python("""
        import os, sys
        os.environ.pop("OMP_NUM_THREADS", None)
        from rnncourse import book
        assert not {"numpy", "matplotlib", "IPython", "torch"} & set(sys.modules)
        book.setup()
        assert "torch" not in sys.modules and "IPython" not in sys.modules
        import matplotlib, numpy as np
        print(os.environ["OMP_NUM_THREADS"], matplotlib.rcParams["figure.dpi"], np.array([1 / 3, 1e-9]))
    """)
    assert out == "1 150.0 [0.3333 0.    ]\n"


def test_setup_tells_torch_when_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    told: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(set_num_threads=told.append))
    with np.printoptions():
        book.setup()
    assert told == [1]
