"""What the chapters' notebooks need: figure style, numbers for the prose, source listings, exercises.

Nothing here is needed to use the models. IPython and matplotlib are imported on use, and every function
also works in a plain Python session, where it prints instead of displaying.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from rnncourse.exercises import Given, Verdict

__all__ = [
    "Drawing",
    "check",
    "claim",
    "digest",
    "export_widget",
    "given",
    "glue",
    "ledger",
    "setup",
    "show_source",
    "svg",
    "widget",
]

# MyST-NB takes outputs with this prefix off the page and keeps them for {glue:text} under the name in the
# metadata.
_RECORD = "application/papermill.record/"


def setup() -> None:
    """Prepare a notebook: the course's figure style, readable arrays, one thread.

    Called by the first cell of every chapter. One thread, because small recurrent steps are much slower on
    two when the machine is busy: OMP_NUM_THREADS is set to 1 unless it is set already (NumPy and torch read
    it when they load), and torch is told so too if it is loaded. torch is never imported here.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)

    import matplotlib
    import numpy as np

    from rnncourse.figures import SEQUENCE, STYLE

    np.set_printoptions(precision=4, suppress=True, linewidth=100)
    matplotlib.rcParams.update(STYLE)
    matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=SEQUENCE)
    shell = _shell()
    if shell is not None and hasattr(shell, "kernel"):
        from matplotlib_inline.config import InlineBackend

        # Without the program's version in it, the stored picture changes only when the plot does.
        backend = InlineBackend.instance(parent=shell)
        backend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Software": None}}
        backend.figure_formats = {"png"}


def glue(**values: str | int) -> None:
    """Give numbers to the prose: ``{glue:text}`name` `` in the text shows what is glued here.

    For each name one line ``name = value`` is printed, and a record for MyST-NB is emitted, which needs
    only IPython. Glue in cells whose output is compared, never in one whose output may differ from run to
    run.

    Args:
        values: names and what the reader is to see: a string, formatted by you, or an integer.

    Raises:
        TypeError: a value is neither a string nor an integer. A bare float is refused, because how many of
            its digits are meant is for the author to say.
        ValueError: no value at all, or an empty or many-lined string.

    Examples:
        >>> glue(val_loss=f"{1.73213:.3f}", symbols=65)
        val_loss = 1.732
        symbols = 65
    """
    if not values:
        raise ValueError('glue needs at least one name, as in glue(val_loss=f"{loss:.3f}")')
    texts = {name: _glued_text(name, value) for name, value in values.items()}
    print("\n".join(f"{name} = {text}" for name, text in texts.items()))
    for name, text in texts.items():
        # The quotes of repr keep MyST-NB from reading "1.50" as a number and showing 1.5; it strips them.
        _record(name, repr(text))


def digest(name: str, *arrays: Any) -> None:
    """Record what a picture shows, out of the reader's sight, so that the tests compare it.

    The pixels of a PNG differ between machines and are not compared. The record holds, for each array, its
    shape and its smallest, mean, median, largest, first and last entry to 4 significant digits, and the number of
    entries that are not finite.

    Args:
        name: the figure's name, unique in the notebook, such as "fig-04-loss".
        arrays: what is plotted: arrays, sequences or numbers.

    Raises:
        ValueError: no array, or one that is empty.
        TypeError: an array that is not numeric.
    """
    if not arrays:
        raise ValueError(f"digest({name!r}) needs the arrays that the figure {name} plots")
    _record(f"digest:{name}", repr(" | ".join(_summary(name, array) for array in arrays)))


def claim(id: str, /, **parts: tuple[bool | None, str]) -> None:
    """Settle a claim of the ledger: show its box, or fail when the outcomes do not give the verdict on record.

    The box holds the statement, the verdict and each part with its outcome and evidence. A record of all this is stored
    beside it, from which the ledger and the tests read. Compute the outcomes in the notebook, in a cell whose output is
    compared.

    Args:
        id: the claim's name in claims.toml.
        parts: for each part of the claim its outcome (True, False, or None for undecided) and the evidence, one
            sentence with the figure that was measured, formatted by you.

    Raises:
        KeyError: there is no such claim.
        TypeError: a part is no pair of an outcome and a text.
        rnncourse.claims.ClaimError: the claim is open, parts are missing or unknown, or the outcomes give another
            verdict than the one in claims.toml.
    """
    from rnncourse import claims, claims_page

    settled = claims.settle(id, **parts)
    if _shell() is None:
        print(claims_page.box_text(settled))
        return
    from IPython.display import display

    display(
        {"text/html": claims_page.box_html(settled), "text/plain": claims_page.box_text(settled)},
        raw=True,
    )
    _record(claims.RECORD + id, settled.to_json())


def ledger() -> None:
    """Show every claim of the ledger, settled and open, with the evidence that the other notebooks have stored.

    Raises:
        rnncourse.claims.LedgerError: a settled claim has not exactly one cell, on its page, with its verdict; or a
            notebook stores a claim that the ledger does not know.
    """
    from rnncourse import claims, claims_page

    rows = claims.load()
    found = claims_page.one_cell_each(rows, claims.stored())
    text = claims_page.ledger_text(rows.values())
    if _shell() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": claims_page.ledger_html(rows.values(), found), "text/plain": text}, raw=True)


def show_source(obj: Any, *, docstring: bool = False, signature_only: bool = False) -> None:
    """Show the package's own source of a function or class, highlighted, in a notebook.

    The listing is part of the compared output, so it cannot differ from the code that runs.

    Args:
        obj: a function, method or class written in Python.
        docstring: whether to keep docstrings. They are left out by default, so that the lines beside the
            equations stand out.
        signature_only: show only the ``def`` or ``class`` line, with the docstring.

    Raises:
        TypeError: `obj` has no Python source.
    """
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(obj)))
    except (TypeError, OSError) as error:
        raise TypeError(f"show_source needs a function or class written in Python, got {obj!r}") from error
    if signature_only:
        source = _head(source)
    elif not docstring:
        source = _without_docstrings(source)
    shell = _shell()
    if shell is None:
        print(source, end="")
        return
    from IPython.display import display

    where = f"{obj.__module__}.{obj.__qualname__}"
    fence = "`" * 3
    display({"text/markdown": f"{fence}python\n{source}{fence}", "text/plain": f"<source of {where}>"}, raw=True)


class Drawing:
    """A diagram as SVG text that is the same on every machine; a notebook displays it.

    Args:
        text: the SVG text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_svg_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return "<diagram>"


def svg(figure: Figure) -> Drawing:
    """Return a drawn diagram for display as SVG, and close the figure.

    Make it the last expression of its cell. For plots of computed data use an ordinary figure, which
    becomes a PNG, together with `digest`.

    Args:
        figure: a matplotlib figure that holds a diagram.
    """
    import matplotlib.pyplot as plt

    from rnncourse.figures import save_svg

    drawing = Drawing(save_svg(figure))
    plt.close(figure)
    return drawing


def widget(name: str, *, alt: str) -> None:
    """Show one of the course's interactive figures: a picture here, live on the course's site.

    The output holds the picture itself, so it is seen in JupyterLab and on paper, too. It is read from the course's
    files and the same on every machine.

    Args:
        name: such as "char-model"; see `rnncourse.widgets.WIDGETS`.
        alt: what the picture shows, in words.

    Raises:
        TypeError: `alt` is not a string.
        ValueError: there is no such widget, `alt` is empty.
    """
    from rnncourse import widgets

    text, plain = widgets.html(name, alt=alt), f"<interactive figure {name}: {alt}>"
    if _shell() is None:
        print(plain)
        return
    from IPython.display import display

    display({"text/html": text, "text/plain": plain}, raw=True)


def export_widget(name: str, folder: str | Path, **options: Any) -> Path:
    """Write an interactive figure of your own into a folder (see `rnncourse.widgets.export`).

    Open the page that it returns in a browser; no server is needed.

    Args:
        name: such as "char-model"; see `rnncourse.widgets.WIDGETS`.
        folder: made if it is not there.
        options: what to build it from, such as `model` and `vocabulary`. Without any, the course's own is copied.
    """
    from rnncourse import widgets

    return widgets.export(name, folder, **options)


def given(exercise: str) -> Given:
    """Return the numbers of an exercise, drawn for this reader (see `rnncourse.exercises.given`).

    Args:
        exercise: the exercise's id, such as "03-2".
    """
    from rnncourse import exercises

    return exercises.given(exercise)


def check(exercise: str, answer: Any) -> Verdict:
    """Check a reader's answer, print what is right or missing (see `rnncourse.exercises.check`).

    Args:
        exercise: the exercise's id, such as "03-2".
        answer: a number, an array, a string or a function, as the exercise asks.
    """
    from rnncourse import exercises

    verdict = exercises.check(exercise, answer)
    print(verdict)
    return verdict


def _shell() -> Any:
    """The running IPython shell, or None in a plain session; IPython is not imported for this."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _record(name: str, text: str) -> None:
    if _shell() is None:
        return
    from IPython.display import display

    display(
        {f"{_RECORD}text/plain": text},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": _RECORD}},
    )


def _glued_text(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(
            f"glue({name}=…) must be a formatted string or an integer, got {type(value).__name__} {value!r}; "
            f'say how many digits you mean, as in glue({name}=f"{{value:.3f}}")'
        )
    text = value.strip()
    if not text or "\n" in text:
        raise ValueError(f"glue({name}=…) must be one line of text, got {value!r}")
    return text


def _summary(name: str, array: Any) -> str:
    import numpy as np

    values = np.asarray(array)
    if not (np.issubdtype(values.dtype, np.number) or values.dtype == bool) or np.iscomplexobj(values):
        raise TypeError(f"digest({name!r}) must be given numbers, got dtype {values.dtype}")
    if not values.size:
        raise ValueError(f"digest({name!r}) must be given arrays with entries, got shape {values.shape}")
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    parts = [f"shape {values.shape}"]
    if finite.size:
        statistics: Sequence[tuple[str, float]] = (
            ("min", finite.min()),
            ("mean", finite.mean()),
            ("median", np.median(finite)),
            ("max", finite.max()),
            ("first", finite.flat[0]),
            ("last", finite.flat[-1]),
        )
        parts += [f"{label} {_four_digits(value)}" for label, value in statistics]
    if finite.size < values.size:
        parts.append(f"not finite {values.size - finite.size}")
    return " ".join(parts)


def _four_digits(value: float) -> str:
    # Below this a sum that is zero in exact arithmetic is rounding noise, which differs between processors.
    return f"{0.0 if abs(value) < 1e-12 else value:.4g}"


def _without_docstrings(source: str) -> str:
    lines = source.splitlines(keepends=True)
    drop: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = node.body[0]
        if _is_docstring(first) and len(node.body) > 1:
            end = first.end_lineno or first.lineno
            drop.update(range(first.lineno - 1, end))
            if end < len(lines) and not lines[end].strip():
                drop.add(end)
    return "".join(line for number, line in enumerate(lines) if number not in drop)


def _head(source: str) -> str:
    node = ast.parse(source).body[0]
    first = node.body[0]  # type: ignore[attr-defined]
    end = (first.end_lineno or first.lineno) if _is_docstring(first) else first.lineno - 1
    return "".join(source.splitlines(keepends=True)[:end]).rstrip() + "\n"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
