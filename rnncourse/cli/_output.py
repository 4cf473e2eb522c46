"""What commands write with `--output`: checked before the work, whole or not at all."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg")


def check_output(path: Path, suffixes: tuple[str, ...], fail: Any) -> None:
    """End the command unless `path` has one of the suffixes and can be written."""
    from rnncourse.experiments._record import RecordError, check_writable

    if path.suffix.lower() not in suffixes:
        fail(f"--output must end in {', '.join(suffixes[:-1])} or {suffixes[-1]}, got {path}")
    try:
        check_writable(path)
    except RecordError as error:
        fail(str(error))


def write(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows with the same keys as CSV."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    write(path, text.getvalue().encode())


def write_picture(path: Path, figure: "Figure") -> None:
    """A figure as PNG or SVG; it is closed."""
    import matplotlib.pyplot as plt

    from rnncourse.figures import save_svg

    if path.suffix.lower() == ".svg":
        data = save_svg(figure).encode()
    else:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        data = buffer.getvalue()
    plt.close(figure)
    write(path, data)


def use_no_screen() -> None:
    """Have matplotlib draw into files; there may be no screen."""
    import matplotlib

    matplotlib.use("Agg")
