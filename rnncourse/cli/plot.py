"""The command `plot`: a run's curves, and what its units do while it reads."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli._complete import run_folders

if TYPE_CHECKING:
    import numpy as np
    import typer

    from rnncourse.models import LanguageModel

SHOWN, LONGEST = 64, 400  # characters


class What(StrEnum):
    """What can be drawn."""

    LOSS = "loss"
    GATES = "gates"
    STATES = "states"


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
    )
    def plot(
        run: Annotated[
            Path, typer.Argument(help="The folder that `rnncourse train` wrote.", autocompletion=run_folders)
        ],
        what: Annotated[What, typer.Option(help="Curves; gates of an LSTM or GRU; states.")] = What.LOSS,
        output: Annotated[Path | None, typer.Option(help="A .png or .svg file (default: RUN/WHAT.png).")] = None,
        prompt: Annotated[
            str | None,
            typer.Option(help=f"What gates and states read (default: {SHOWN} characters of the validation split)."),
        ] = None,
        layer: Annotated[int | None, typer.Option(help="From 1, the lowest (default: the highest).", min=1)] = None,
    ) -> None:
        """Draw a run's curves, or its gates or states over a text."""
        import torch

        from rnncourse.cli._output import PICTURES, check_output, use_no_screen, write_picture
        from rnncourse.cli._runs import note_damage, own_validation
        from rnncourse.data import DataError
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.run import load_model

        torch.set_num_threads(1)
        if what is What.LOSS and (prompt is not None or layer is not None):
            fail("--prompt and --layer go with --what gates or --what states")
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
                from rnncourse.figures import plot_units_by_text

                if what is What.GATES and model.config.cell not in ("lstm", "gru"):
                    fail(f"--what gates needs an LSTM or a GRU, and {run} has the cell {model.config.cell!r}")
                number = layer or model.config.num_layers
                if number > model.config.num_layers:
                    fail(f"--layer must be at most {model.config.num_layers}, the layers of {run}, got {layer}")
                if prompt is None:
                    try:
                        prompt = own_validation(run, checkpoint)[:SHOWN]
                    except DataError as error:
                        fail(f"{error} Say with --prompt what is to be read.")
                if not 1 <= len(prompt) <= LONGEST:
                    fail(f"--prompt must have 1 to {LONGEST} characters, got {len(prompt)}")
                ids = vocabulary.encode(prompt)
                if checkpoint.meta["text"]["unit"] != "characters":
                    fail(f"--what {what.value} needs a model of characters, and {run} reads other symbols")
                _say_unknown(prompt, vocabulary)
                if what is What.GATES:
                    parts, by = gates(model, ids, number - 1), "f" if model.config.cell == "lstm" else "z"
                else:
                    parts, by = states(model, ids, number - 1), "h"
                figure = plot_units_by_text(parts, prompt, by=by)
            write_picture(path, figure)
        except (DataError, CheckpointError, ValueError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot write to {path}: {error.strerror}")
        typer.echo(f"Written to {path}")


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
