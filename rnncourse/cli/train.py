"""The command `train`: a language model of a text, from nothing to a checkpoint."""

import math
import os
import re
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    import typer

    from rnncourse.training.run import Run

INTERRUPTED = 130
ORDER = 7
COUNTING = 4  # how many times counting once takes what stands beside it: counting twice, weights, reading


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the commands.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    @app.command(
        epilog="Examples:\n\nrnncourse train my.txt\n\nrnncourse train shakespeare --seconds 600 --output big "
        "--hidden-size 512\n\nrnncourse train my.txt --resume"
    )
    def train(
        text: Annotated[str, typer.Argument(help="A UTF-8 text file, or numpy-docs, shakespeare, time_machine.")],
        output: Annotated[Path | None, typer.Option(help="The run's folder (default: runs/NAME).")] = None,
        seconds: Annotated[float | None, typer.Option(help="Train about so long (default: 60).", min=1)] = None,
        steps: Annotated[int | None, typer.Option(help="Train so many updates instead.", min=1)] = None,
        resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in that folder.")] = False,
        cell: Annotated[str | None, typer.Option(help="lstm, gru, rnn, mingru or minlstm.")] = None,
        embedding_size: Annotated[int | None, typer.Option(help="Width of a symbol's vector (E).", min=1)] = None,
        hidden_size: Annotated[int | None, typer.Option(help="Width of the state (H).", min=1)] = None,
        num_layers: Annotated[int | None, typer.Option(help="Layers of the recurrence (default: 1).", min=1)] = None,
        dropout: Annotated[float | None, typer.Option(help="Share of units zeroed in training.", min=0)] = None,
        tied: Annotated[bool, typer.Option("--tied", help="The readout's weight is the embedding's.")] = False,
        window: Annotated[int | None, typer.Option(help="Steps that gradients go back (T).", min=1)] = None,
        batch_size: Annotated[int | None, typer.Option(help="Streams side by side (B).", min=1)] = None,
        learning_rate: Annotated[float | None, typer.Option(help="The largest (default: 0.01).")] = None,
        weight_decay: Annotated[float | None, typer.Option(help="Of AdamW (default: 0).", min=0)] = None,
        max_norm: Annotated[float | None, typer.Option(help="Clip the gradient's norm.")] = None,
        average: Annotated[float | None, typer.Option(help="Decay of an average of the weights.")] = None,
        evaluations: Annotated[int | None, typer.Option(help="How many times to evaluate.", min=1)] = None,
        patience: Annotated[int | None, typer.Option(help="Stop after so many without a better loss.", min=1)] = None,
        seed: Annotated[int | None, typer.Option(help="Of weights and dropout (default: 0).", min=0)] = None,
        ngram: Annotated[
            int, typer.Option(help="Mix in counts of N-grams of this order; 0: the network alone.", min=0)
        ] = ORDER,
        validation: Annotated[float, typer.Option(help="The share of the text held out.", min=0)] = 0.1,
        threads: Annotated[int | None, typer.Option(help="Processor threads (default: what is faster).", min=1)] = None,
    ) -> None:
        """Train a recurrent language model on a text. Without options it picks sizes and says why."""
        import torch

        from rnncourse.data import DataError
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.trainer import TrainingError

        torch.set_num_threads(threads or _cores())
        trial = (threads,) if threads else tuple({1, _cores()})
        folder = output or Path("runs") / re.sub(r"\W+", "-", Path(text).stem).strip("-")
        sizes = {
            "cell": cell,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "dropout": dropout,
            "tied": tied or None,
            "T": window,
            "B": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "max_norm": max_norm,
            "average": average,
            "evaluations": evaluations,
            "patience": patience,
            "seed": seed,
        }
        run = None
        try:
            if resume:
                given = [f"--{name.replace('_', '-')}" for name, value in sizes.items() if value is not None]
                if given or steps or seconds:
                    fail(f"--resume takes the run's own options: leave out {', '.join(given) or 'the time'}")
                run = _resumed(text, folder, validation)
            else:
                run = _begun(text, folder, validation, sizes, ngram, seconds, steps, trial, overwrite, fail)
            _go(run)
            mixed = _mix_in(run)
        except (DataError, CheckpointError, TrainingError, ValueError, TypeError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot write to {folder}: {error.strerror}")
        except KeyboardInterrupt:
            if run is None:
                typer.echo("\nInterrupted. Nothing was trained.", err=True)
                raise typer.Exit(INTERRUPTED) from None
            typer.echo(f"\nInterrupted after {run.trainer.done:,} updates, all kept in {folder}.", err=True)
            command = shlex.join(["rnncourse", "train", text, "--output", str(folder), "--resume"])
            typer.echo(f"Go on with: {command}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        best, when = run.best["loss"], run.best["step"]
        typer.echo(f"\nBest validation loss, read in pieces: {best:.4f} nats a symbol, after {when:,} updates.")
        if best > math.log(run.model.vocab_size):
            typer.echo("That is worse than guessing: try a smaller --learning-rate.", err=True)
        if mixed:
            typer.echo(mixed)
        typer.echo(f"Written to {folder}. Try: rnncourse generate {folder}")


def _begun(
    text: str,
    folder: Path,
    validation: float,
    sizes: dict[str, Any],
    order: int,
    seconds: float | None,
    steps: int | None,
    trial: tuple[int, ...],
    overwrite: bool,
    fail: Any,
) -> "Run":
    """A new run; picks what was not given and says why."""
    import dataclasses

    import torch

    from rnncourse.models import LanguageModelConfig
    from rnncourse.training.companion import held_out_for_weights
    from rnncourse.training.config import TrainingConfig
    from rnncourse.training.pick import EPOCHS, pick, steps_for
    from rnncourse.training.run import CHECKPOINT, Run, seed_model

    if seconds and steps:
        fail("--seconds and --steps do not go together")
    if (folder / CHECKPOINT).exists() and not overwrite:
        fail(f"{folder} holds a run: go on with --resume, begin anew with --overwrite, or name another --output")
    start = time.perf_counter()
    said, vocabulary, whole, held_out = _read(text, validation)
    said["ngram"] = order
    train, for_weights = held_out_for_weights(whole) if order else (whole, None)
    chosen, reasons = pick(len(train), len(vocabulary), **sizes)
    print(f"{said['name']}: {len(train):,} symbols to train on, {len(held_out):,} to validate, {len(vocabulary)} kinds")
    print("\n".join(f"  {reason}" for reason in reasons))
    names = {field.name for field in dataclasses.fields(LanguageModelConfig)}
    model = LanguageModelConfig(len(vocabulary), **{k: v for k, v in chosen.items() if k in names})
    options = {k: v for k, v in chosen.items() if k not in names}
    evaluations, threads = min(options.get("evaluations", 5), steps or 10**9), max(trial)
    config = TrainingConfig(**options | {"steps": steps or 10**6, "evaluations": evaluations})
    if for_weights is not None:
        print(
            f"  ngram = {order}: counts are mixed in; their weight is found on {len(for_weights):,} symbols kept apart"
        )
    if not steps:
        budget = seconds or 60.0
        left = budget - COUNTING * _counting(whole, len(vocabulary), order) - (time.perf_counter() - start)
        fits, threads = steps_for(left, model, config, train, held_out, threads=trial)
        config = dataclasses.replace(config, steps=fits)
        print(f"  steps = {fits:,}: what fits into {budget:g} seconds here, or {EPOCHS} epochs")
        print(f"  threads = {threads}: the faster in a short trial")
    torch.set_num_threads(threads)
    said["threads"] = threads
    folder.mkdir(parents=True, exist_ok=True)
    net = seed_model(model, config.seed)
    print(f"  {sum(p.numel() for p in net.parameters()):,} parameters")
    return Run(folder, said, vocabulary, train, held_out, net, config)


def _resumed(text: str, folder: Path, validation: float) -> "Run":
    """A run taken up again."""
    import torch

    from rnncourse.models import LanguageModelConfig
    from rnncourse.training.checkpoint import load_latest
    from rnncourse.training.companion import held_out_for_weights
    from rnncourse.training.config import TrainingConfig
    from rnncourse.training.run import CHECKPOINT, Run, seed_model

    checkpoint = load_latest(folder / CHECKPOINT)
    before = checkpoint.meta["text"]
    said, vocabulary, train, held_out = _read(text, before["validation"])
    said |= {"ngram": before["ngram"], "threads": before["threads"]}
    torch.set_num_threads(before["threads"])  # another number would round differently
    if said["ngram"]:
        train, _ = held_out_for_weights(train)
    config = TrainingConfig(**checkpoint.meta["config"])
    model = seed_model(LanguageModelConfig(**checkpoint.meta["model"]), config.seed)
    run = Run(folder, said, vocabulary, train, held_out, model, config)
    run.take_up(checkpoint)
    print(f"{said['name']}: going on after {run.trainer.done:,} of {config.steps:,} updates")
    return run


def _read(text: str, validation: float) -> tuple[dict[str, Any], Any, Any, Any]:
    """What the text is, its vocabulary, and the ids of both splits."""
    from rnncourse.data import TEXT_NAMES, DataError, Vocabulary, load_text

    loaded = load_text(text, validation=validation)
    if len(loaded.train) < 3 or len(loaded.validation) < 2:
        raise DataError(
            f"{loaded.name} is too short: {len(loaded.train)} symbols to train on and {len(loaded.validation)} to "
            "validate; at least 3 and 2 are needed."
        )
    vocabulary = Vocabulary.from_text(loaded.train, unknown="\ufffd")  # other texts may have other symbols
    origin = text if text in TEXT_NAMES else str(Path(text).resolve())
    said = {"name": loaded.name, "origin": origin, "sha256": loaded.sha256, "validation": validation}
    return said, vocabulary, vocabulary.encode(loaded.train), vocabulary.encode(loaded.validation)


def _go(run: "Run") -> None:
    """Train with a progress bar."""
    from tqdm import tqdm

    total = run.config.steps
    with tqdm(total=total, initial=run.trainer.done, unit="update", file=sys.stderr, dynamic_ncols=True) as bar:

        def on_step(step: Any) -> None:
            bar.update(step.number - bar.n)
            bar.set_postfix(loss=f"{step.loss:.3f}", rate=f"{step.rate:.1e}", refresh=False)

        def on_row(row: Any) -> None:
            bar.write(
                f"  update {row['step']:>8,}  epoch {row['epoch']:6.2f}  train {row['train_loss']:.4f}  "
                f"validation {row['validation_loss']:.4f}",
                file=sys.stdout,
            )

        run.go(on_step=on_step, on_row=on_row)


def _counting(train: Any, vocab_size: int, order: int) -> float:
    """Seconds that counting the training text takes."""
    from rnncourse.models import NGramModel

    start = time.perf_counter()
    if order:
        NGramModel.fit(train, order=order, vocab_size=vocab_size, modified=True)
    return time.perf_counter() - start


def _mix_in(run: "Run") -> str:
    """Put the counts beside the finished network, and say what the mixture is worth."""
    import torch

    from rnncourse.models import score
    from rnncourse.training.companion import fit_companion
    from rnncourse.training.run import load_model

    if not run.text["ngram"]:
        return ""
    torch.set_num_threads(1)  # one stream is a chain of small products
    _, _, whole, held_out = _read(run.text["origin"], run.text["validation"])
    companion = fit_companion(load_model(run.folder)[0], whole, order=run.text["ngram"])
    companion.save(run.folder)
    ids = torch.from_numpy(held_out)
    network = load_model(run.folder)[0]
    models = {"the network": network, f"{run.text['ngram']}-grams": companion.ngram, "both": companion.beside(network)}
    losses = [f"{name} {-score(model, ids).mean():.4f}" for name, model in models.items()]
    return f"In one stream, nats a symbol: {', '.join(losses)}; the network's weight is {companion.weights[0]:.2f}."


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
