"""The command `train`: a language model of a text, from nothing to a checkpoint."""

import math
import re
import shlex
import sys
from contextlib import nullcontext
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli import INTERRUPTED
from rnncourse.cli._options import fail_once, option

if TYPE_CHECKING:
    import typer

    from rnncourse.training.run import Run

TENSORBOARD = "tensorboard"


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the commands.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    from rnncourse.cli._complete import text_names

    @app.command(
        epilog="Examples:\n\nrnncourse train my.txt\n\nrnncourse train shakespeare --seconds 600 --output big "
        "--hidden-size 512\n\nrnncourse train my.txt --resume\n\n"
        "torchrun --nproc-per-node 2 -m rnncourse train my.txt"
    )
    def train(
        text: Annotated[
            str,
            typer.Argument(
                help="A UTF-8 text file, or a text's name: see `rnncourse data list`.", autocompletion=text_names
            ),
        ],
        output: Annotated[Path | None, typer.Option(help="The run's folder (default: runs/NAME).")] = None,
        seconds: Annotated[float | None, typer.Option(help="Train about so long (default: 60).", min=1)] = None,
        steps: Annotated[int | None, typer.Option(help="Train so many updates instead.", min=1)] = None,
        resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in that folder.")] = False,
        unit: Annotated[str | None, typer.Option(help="characters (default), words or subwords.")] = None,
        vocab_size: Annotated[int | None, typer.Option(help="The most words or subwords (V).", min=1)] = None,
        cell: Annotated[str | None, typer.Option(help="lstm, gru, rnn, mingru, minlstm or transformer.")] = None,
        embedding_size: Annotated[int | None, typer.Option(help="Width of a symbol's vector (E).", min=1)] = None,
        hidden_size: Annotated[int | None, typer.Option(help="Width of the state (H).", min=1)] = None,
        num_layers: Annotated[int | None, typer.Option(help="Layers of the recurrence (default: 1).", min=1)] = None,
        num_heads: Annotated[int | None, typer.Option(help="Heads of a Transformer (default: 4).", min=1)] = None,
        context: Annotated[int | None, typer.Option(help="Symbols that its layers look at.", min=1)] = None,
        cutoffs: Annotated[
            str | None, typer.Option(help="Adaptive softmax: where rarer classes begin, as 1000,4000.")
        ] = None,
        dropout: Annotated[float | None, typer.Option(help="Share of units zeroed in training.", min=0)] = None,
        tied: Annotated[bool, typer.Option("--tied", help="The readout's weight is the embedding's.")] = False,
        window: Annotated[int | None, typer.Option(help="Steps that gradients go back (T).", min=1)] = None,
        batch_size: Annotated[int | None, typer.Option(help="Streams side by side (B).", min=1)] = None,
        learning_rate: Annotated[float | None, typer.Option(help="The largest (default: 0.01).")] = None,
        schedule: Annotated[str | None, typer.Option(help="cosine (default), linear, exponential, constant.")] = None,
        warmup: Annotated[float | None, typer.Option(help="Share of the steps that warm up (default: 0.1).")] = None,
        weight_decay: Annotated[float | None, typer.Option(help="Of AdamW (default: 0).", min=0)] = None,
        max_norm: Annotated[float | None, typer.Option(help="Clip the gradient's norm.")] = None,
        average: Annotated[float | None, typer.Option(help="Decay of an average of the weights.")] = None,
        accumulate: Annotated[int | None, typer.Option(help="Parts of a batch, to save memory.", min=1)] = None,
        precision: Annotated[str | None, typer.Option(help="float32 (default) or bfloat16.")] = None,
        deterministic: Annotated[bool, typer.Option("--deterministic", help="The same bits again on a GPU.")] = False,
        evaluations: Annotated[int | None, typer.Option(help="How many times to evaluate.", min=1)] = None,
        patience: Annotated[int | None, typer.Option(help="Stop after so many without a better loss.", min=1)] = None,
        seed: Annotated[int | None, typer.Option(help="Of weights and dropout (default: 0).", min=0)] = None,
        ngram: Annotated[
            int | None,
            typer.Option(help="Mix in counts of N-grams of this order (default: 7); 0: the network alone.", min=0),
        ] = None,
        validation: Annotated[float | None, typer.Option(help="The share held out (default: 0.1).", min=0)] = None,
        threads: Annotated[
            int | None, typer.Option(help="Processor threads (default: what is faster; with --steps 1).", min=1)
        ] = None,
        device: Annotated[str | None, typer.Option(help="cpu or cuda (default: a GPU where there is one).")] = None,
        tensorboard: Annotated[
            bool, typer.Option("--tensorboard", help="Show the run in TensorBoard, if installed.")
        ] = False,
    ) -> None:
        """Train a language model on a text.

        Without options it picks sizes and says why.
        """
        from rnncourse.data import DataError
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.session import begin, take_up
        from rnncourse.training.trainer import TrainingError
        from rnncourse.training.world import join

        folder = output or Path("runs") / re.sub(r"\W+", "-", Path(text).stem).strip("-")
        options = {
            "unit": unit,
            "size": vocab_size,
            "cell": cell,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "context": context,
            "cutoffs": _numbers(cutoffs, fail),
            "dropout": dropout,
            "tied": tied or None,
            "T": window,
            "B": batch_size,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "warmup": warmup,
            "weight_decay": weight_decay,
            "max_norm": max_norm,
            "average": average,
            "accumulate": accumulate,
            "precision": precision,
            "deterministic": deterministic or None,
            "evaluations": evaluations,
            "patience": patience,
            "seed": seed,
            "ngram": ngram,
            "validation": validation,
            "threads": threads,
            "steps": steps,
            "seconds": seconds,
            "overwrite": overwrite or None,
        }
        ours = (DataError, CheckpointError, TrainingError)
        others = (ValueError, TypeError, ImportError, RuntimeError, OverflowError)  # the last two are PyTorch's
        given = {name: value for name, value in options.items() if value is not None}
        if resume and given:
            fail(f"--resume takes the run's own options: leave out {', '.join(map(option, given))}")
        run = None
        try:
            with join(device) as world:
                say = print if world.first else lambda *_: None
                if resume:
                    run = take_up(text, folder, world=world, say=say)
                else:
                    run = begin(text, folder, world=world, say=say, **given)
                _go(run, tensorboard)
            if world.first:
                _report(run)
        except (*ours, *others) as error:
            fail_once(error, signature(train).parameters, fail)
        except OSError as error:
            fail(f"cannot write to {folder}: {error.strerror}")
        except KeyboardInterrupt:
            if run is None:
                typer.echo("\nInterrupted. Nothing was trained.", err=True)
            elif run.saved is None:
                typer.echo("\nInterrupted. Nothing was kept.", err=True)
            elif run.world.first:
                typer.echo(f"\nInterrupted. The first {run.saved:,} updates are kept in {folder}.", err=True)
                command = shlex.join(["rnncourse", "train", text, "--output", str(folder), "--resume"])
                typer.echo(f"Go on with: {command}", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _numbers(text: str | None, fail: Any) -> tuple[int, ...] | None:
    """Integers that commas separate."""
    if text is None:
        return None
    if not re.fullmatch(r"\d+(,\d+)*", text):
        fail(f"--cutoffs must be integers that commas separate, such as 1000,4000, got {text!r}")
    return tuple(map(int, text.split(",")))


def _go(run: "Run", tensorboard: bool) -> None:
    """Train with a progress bar."""
    from tqdm import tqdm

    total, first = run.config.steps, run.world.first
    symbols = run.config.T * run.config.B
    with (
        _board(run) if tensorboard and first else nullcontext() as board,
        tqdm(
            total=total,
            initial=run.trainer.done,
            unit="update",
            file=sys.stderr,
            dynamic_ncols=True,
            disable=not first,
        ) as bar,
    ):

        def on_step(step: Any) -> None:
            bar.update(step.number - bar.n)
            speed = (bar.format_dict["rate"] or 0) * symbols
            bar.set_postfix(
                loss=f"{step.loss:.3f}", rate=f"{step.rate:.1e}", speed=f"{speed:,.0f} symbols/s", refresh=False
            )
            if board:
                board.step(step)

        def on_row(row: Any) -> None:
            if first:
                bar.write(
                    f"  update {row['step']:>8,}  epoch {row['epoch']:6.2f}  train {row['train_loss']:.4f}  "
                    f"validation {row['validation_loss']:.4f}",
                    file=sys.stdout,
                )
            if board:
                board.row(row)

        run.go(on_step=on_step, on_row=on_row)


def _board(run: "Run") -> Any:
    from contextlib import closing

    from rnncourse.training.board import Board

    return closing(Board(run.folder / TENSORBOARD, done=run.trainer.done))


def _report(run: "Run") -> None:
    """What the finished run is worth; counts are put beside it if it is to have some."""
    import torch

    from rnncourse.training.session import finish

    best, when = run.best["loss"], run.best["step"]
    print(f"\nBest validation loss, read in pieces: {best:.4f} nats a symbol, after {when:,} updates.")
    if best > math.log(run.model.vocab_size):
        print("That is worse than guessing: try a smaller --learning-rate.", file=sys.stderr)
    torch.set_num_threads(1)  # one stream is a chain of small products
    companion, measured = finish(run)
    part = f" over {measured.symbols:,} symbols"
    if companion:
        print(
            f"In one stream{part}, nats a symbol: the network {measured.network:.4f}, {run.text['ngram']}-grams "
            f"{measured.counts:.4f}, both {measured.both:.4f}; the network's weight is {companion.weights[0]:.2f}."
        )
    else:
        print(f"In one stream{part}: {measured.network:.4f} nats a symbol.")
    print(f"Written to {run.folder}. Try: {shlex.join(['rnncourse', 'generate', str(run.folder)])}")
