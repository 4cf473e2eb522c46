"""The command `plot`: a run's curves, and what its units or its heads do while it reads."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from rnncourse.cli._complete import run_folders

if TYPE_CHECKING:
    import numpy as np
    import typer
    from matplotlib.figure import Figure

    from rnncourse.models import LanguageModel


class What(StrEnum):
    """What can be drawn."""

    LOSS = "loss"
    GATES = "gates"
    STATES = "states"
    ATTENTION = "attention"


class Kind(NamedTuple):
    """What something that is drawn over a text needs."""

    cells: tuple[str, ...]
    needs: str
    shown: int  # characters of the validation split
    longest: int


RECURRENT = ("rnn", "lstm", "gru", "mingru", "minlstm")
KINDS = {
    What.GATES: Kind(RECURRENT[1:], "an LSTM, a GRU or a minimal form of them", 64, 400),
    What.STATES: Kind(RECURRENT, "a recurrent network", 64, 400),
    What.ATTENTION: Kind(("transformer",), "a Transformer", 32, 200),
}
# The part that orders the units.
BY = {"lstm": "f", "minlstm": "f", "gru": "z", "mingru": "z"}
# Where a letter means something else than in an LSTM or a GRU.
TITLES = {
    "mingru": {"z": "update gate $z$: how much of the candidate comes in"},
    "minlstm": {
        "i": "input gate $i'$: how much of the candidate comes in",
        "f": "forget gate $f'$: how much of the state stays",
    },
}


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the command.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    @app.command(
        epilog="Examples:\n\nrnncourse plot runs/my\n\nrnncourse plot runs/my --what gates --prompt 'Once upon a time'"
        "\n\nrnncourse plot runs/my --what states --layer 1 --output states.svg"
        "\n\nrnncourse plot runs/transformer --what attention --prompt 'Once upon a time'"
    )
    def plot(
        run: Annotated[
            Path, typer.Argument(help="The folder that `rnncourse train` wrote.", autocompletion=run_folders)
        ],
        what: Annotated[What, typer.Option(help="Curves; gates; states; a Transformer's attention.")] = What.LOSS,
        output: Annotated[Path | None, typer.Option(help="A .png or .svg file (default: RUN/WHAT.png).")] = None,
        prompt: Annotated[
            str | None, typer.Option(help="What is read (default: the validation split's first characters).")
        ] = None,
        layer: Annotated[
            int | None, typer.Option(help="From 1, the lowest (default: the highest; of attention, all).", min=1)
        ] = None,
    ) -> None:
        """Draw a run's curves, gates, states or attention."""
        import torch

        from rnncourse.cli._output import PICTURES, check_output, use_no_screen, write_picture
        from rnncourse.cli._runs import note_damage, own_validation
        from rnncourse.data import DataError
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.run import load_model

        torch.set_num_threads(1)
        if what is What.LOSS and (prompt is not None or layer is not None):
            fail("--prompt and --layer go with --what gates, states or attention")
        try:
            model, vocabulary, checkpoint = load_model(run)
            note_damage(checkpoint)
            path = output or run / f"{what.value}.png"
            check_output(path, PICTURES, fail)
            use_no_screen()
            if what is What.LOSS:
                from rnncourse.figures import plot_run

                if not checkpoint.meta["history"]:
                    fail(f"{run} was not evaluated yet: there is no curve to draw")
                figure = plot_run(checkpoint.meta["history"])
            else:
                kind, cell = KINDS[what], checkpoint.meta["model"]["cell"]
                if cell not in kind.cells:
                    fail(f"--what {what.value} needs {kind.needs}, and {run} has the cell {cell!r}")
                if layer is not None and layer > model.config.num_layers:
                    fail(f"--layer must be at most {model.config.num_layers}, the layers of {run}, got {layer}")
                if checkpoint.meta["text"]["unit"] != "characters":
                    fail(f"--what {what.value} needs a model of characters, and {run} reads other symbols")
                if prompt is None:
                    try:
                        prompt = own_validation(run, checkpoint)[: kind.shown]
                    except DataError as error:
                        fail(f"{error} Say with --prompt what is to be read.")
                if not 1 <= len(prompt) <= kind.longest:
                    fail(f"--prompt must have 1 to {kind.longest} characters, got {len(prompt)}")
                _say_unknown(prompt, vocabulary)
                figure = _over_text(what, model, cell, vocabulary.encode(prompt), prompt, layer)
            write_picture(path, figure)
        except (DataError, CheckpointError, ValueError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot write to {path}: {error.strerror}")
        typer.echo(f"Written to {path}")


def _over_text(what: What, model: Any, cell: str, ids: "np.ndarray", text: str, layer: int | None) -> "Figure":
    """What a model does while it reads."""
    from rnncourse.figures import plot_attention, plot_units_by_text

    if what is What.ATTENTION:
        import torch

        return plot_attention(model.attention(torch.from_numpy(ids)).numpy(), text, layer=layer)
    number = (layer or model.config.num_layers) - 1
    if what is What.GATES:
        return plot_units_by_text(gates(model, ids, number), text, by=BY[cell], titles=TITLES.get(cell, {}))
    return plot_units_by_text(states(model, ids, number), text, by="h")


def gates(model: "LanguageModel", ids: "np.ndarray", layer: int) -> "dict[str, np.ndarray]":
    """The gates of one layer, each of shape (T, H), while the model reads `ids` from a state of zeros."""
    from rnncourse.analysis import gate_values

    params = {name: value.detach().double().numpy() for name, value in model.rnn.state_dict().items()}
    x = model.embedding.weight.detach().double().numpy()[ids][:, None]
    return {name: value[:, 0] for name, value in gate_values(model.config.cell, x, params)[layer].items()}


def states(model: "LanguageModel", ids: "np.ndarray", layer: int) -> "dict[str, np.ndarray]":
    """One layer's h, and an LSTM's c, of shape (T, H): the state after each of `ids`, from one of zeros."""
    import numpy as np
    import torch

    state, found = model.initial_state(1), []
    with torch.no_grad():
        for id in ids.tolist():
            _, state = model(torch.tensor([[id]]), state)
            found.append([part[layer, 0].numpy() for part in state])
    return {name: np.stack(rows) for name, rows in zip("hc", zip(*found, strict=True), strict=False)}


def _say_unknown(prompt: str, vocabulary: Any) -> None:
    """Tell which characters the model reads as its symbol for unknown ones."""
    import typer

    if unknown := sorted(set(prompt) - set(vocabulary.symbols)):
        typer.echo(f"Read as unknown: {' '.join(map(repr, unknown))}", err=True)
