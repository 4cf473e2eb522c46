"""What the shell offers when the user presses Tab: names that the package knows, and folders of runs."""

import os
from collections.abc import Callable, Iterable, Iterator

CHECKPOINT = "checkpoint.safetensors"  # that of rnncourse.training.run, which would load PyTorch


def _beginning(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """A completer that offers those of `names()` that go on from what stands there."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def _experiments() -> Iterable[str]:
    from rnncourse.experiments import EXPERIMENTS

    return EXPERIMENTS


def _benchmarks() -> Iterable[str]:
    from rnncourse.benchmarks import BENCHMARKS

    return BENCHMARKS


def _widgets() -> Iterable[str]:
    from rnncourse.widgets import WIDGETS

    return WIDGETS


def _texts() -> Iterable[str]:
    from rnncourse.data import TEXT_NAMES

    return TEXT_NAMES


def _claims() -> Iterable[str]:
    from rnncourse.claims import load

    return load()


experiment_names = _beginning(_experiments)
benchmark_names = _beginning(_benchmarks)
widget_names = _beginning(_widgets)
text_names = _beginning(_texts)
claim_ids = _beginning(_claims)


def run_folders(incomplete: str) -> list[str]:
    """Folders that hold a run, beside or below what stands there; without anything, those in `runs`."""
    where, begun = os.path.split(incomplete)
    found = list(_folders(where or os.curdir, where, begun))
    if not where and not any(_holds_run(path) for path in found):
        found += [path for path in _folders("runs", "runs", "") if path.startswith(incomplete)]
    runs = [path for path in found if _holds_run(path)]
    return sorted(runs) or sorted(path + os.sep for path in found if not os.path.basename(path).startswith("."))


def _folders(folder: str, shown: str, begun: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(begun) and entry.is_dir():
                    yield os.path.join(shown, entry.name)
    except OSError:
        return


def _holds_run(path: str) -> bool:
    return os.path.isfile(os.path.join(path, CHECKPOINT))
