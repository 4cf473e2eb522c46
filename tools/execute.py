"""Run notebooks in fresh kernels and store their normalised outputs in place.

    python tools/execute.py                    all of chapters/, the claims ledger last, which reads the others
    python tools/execute.py chapters/x.ipynb   these alone
    python tools/execute.py --check            change nothing; exit 1 if a run would change something

What is stored depends on the source and the arithmetic alone, so a second run on the same machine changes
nothing: cell ids are derived from the cells' text, the parts of a stream are joined, and a stored output is kept when
the new one differs from it only in what tests/sanitize.cfg lets nbval overlook (seconds, rates). A notebook
whose cell fails is left as it was.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "RNNCOURSE_READER": "book"}
READERS = ("claims.ipynb",)
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="what to run (default: all of chapters/)")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="how many notebooks to run at a time")
    parser.add_argument("--check", action="store_true", help="store nothing; exit 1 if a run would change it")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell")
    arguments = parser.parse_args()
    paths = arguments.notebooks or sorted((ROOT / "chapters").glob("*.ipynb"))
    if not paths:
        parser.error("no notebooks in chapters/")
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        parser.error(f"no such notebook: {', '.join(missing)}")

    failures = 0
    with concurrent.futures.ProcessPoolExecutor(max_workers=arguments.jobs) as pool:
        for batch in in_order(paths):
            runs = [pool.submit(run, path, arguments.timeout, not arguments.check) for path in batch]
            for path, future in zip(batch, runs, strict=True):
                changed, message, seconds = future.result()
                state = ("would change" if arguments.check else "changed") if changed else "same"
                print(f"{path.name}: {message or state} ({seconds:.1f} s)", flush=True)
                failures += bool(message) or (changed and arguments.check)
    return 1 if failures else 0


def in_order(paths: list[Path]) -> list[list[Path]]:
    """The notebooks that may run at a time, and after them those that read what the others have stored."""
    readers = [path for path in paths if path.name in READERS]
    return [batch for batch in ([path for path in paths if path not in readers], readers) if batch]


def run(path: Path, timeout: int, write: bool) -> tuple[bool, str, float]:
    """Execute one notebook.

    Returns:
        Whether its stored form changes, what went wrong if anything, and the seconds it took.
    """
    began = time.perf_counter()
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    stored = nbformat.reads(before, as_version=4)
    os.environ.pop("MPLBACKEND", None)  # else the kernel would not draw into the notebook
    os.environ.update(ENVIRONMENT)
    resources = {"metadata": {"path": str(path.resolve().parent)}}
    try:
        NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            resources=resources,
            extra_arguments=["--log-level=ERROR"],
        ).execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return False, f"FAILED, file left as it was\n{error}", time.perf_counter() - began
    normalise(stored)
    normalise(notebook)
    keep_timings(notebook, stored)
    nbformat.validate(notebook)
    after = nbformat.writes(notebook) + "\n"
    if write and after != before:
        replace(path, after)
    return after != before, "", time.perf_counter() - began


def normalise(notebook: NotebookNode) -> None:
    """Strip what depends on the clock or the machine, in place; applied twice it changes nothing more."""
    notebook.metadata = NotebookNode({"kernelspec": NotebookNode(KERNELSPEC), "language_info": NotebookNode(LANGUAGE)})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    count = 0
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n")
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        for key in ("execution", "collapsed", "scrolled", "jupyter", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            count += 1
            cell.execution_count = count
        cell.outputs = join_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count


def keep_timings(notebook: NotebookNode, stored: NotebookNode) -> None:
    """Put the stored text where the new one, in the cell of the same source, differs in clocks and rates alone."""
    before = {cell.id: cell.outputs for cell in stored.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type != "code" or len(cell.outputs) != len(before.get(cell.id, [])):
            continue
        for new, old in zip(cell.outputs, before[cell.id], strict=True):
            if new.output_type != old.output_type:
                continue
            if new.output_type == "stream" and sanitise(new.text) == sanitise(old.text):
                new.text = old.text
            for mime, text in new.get("data", {}).items():
                kept = old.data.get(mime)
                if isinstance(text, str) and isinstance(kept, str) and sanitise(text) == sanitise(kept):
                    new.data[mime] = kept


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join the parts of stdout into one output, and those of stderr: where they break is chance."""
    joined: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output.output_type == "stream" and output.name in streams:
            streams[output.name].text += output.text
            continue
        if output.output_type == "stream":
            streams[output.name] = output
        joined.append(output)
    for output in streams.values():
        # What a carriage return has overwritten was never meant to stay.
        output.text = re.sub(r"^.*\r(?=[^\n])", "", output.text, flags=re.MULTILINE)
    return joined


def sanitising_patterns(text: str) -> list[tuple[str, str]]:
    """Return the pairs of regex and replacement in the text of sanitize.cfg, found as nbval finds them."""
    return re.findall(r"^regex: (.*)$\n^replace: (.*)$", text, flags=re.MULTILINE)


def sanitise(text: str) -> str:
    """Replace clocks and rates by their fixed form."""
    for regex, replacement in PATTERNS:
        text = re.sub(regex, replacement, text)
    return text


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, path.stat().st_mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


PATTERNS = sanitising_patterns((ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
