"""The commands `evaluate` and `generate`: what a trained model is worth, and text from it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnncourse.cli import INTERRUPTED

if TYPE_CHECKING:
    import typer


def add_commands(app: "typer.Typer", fail: Any) -> None:
    """Register the commands.

    Args:
        app: the application.
        fail: says an error to the user and ends the command.
    """
    import typer

    from rnncourse.cli._complete import run_folders, text_names

    @app.command(epilog="Examples:\n\nrnncourse evaluate runs/shakespeare\n\nrnncourse evaluate runs/my other.txt")
    def evaluate(
        run: Annotated[
            Path | None,
            typer.Argument(
                help="The folder that `rnncourse train` wrote (default: the last in runs).", autocompletion=run_folders
            ),
        ] = None,
        text: Annotated[
            str | None,
            typer.Argument(
                help="Another text, read whole. Without it: the run's own validation split.", autocompletion=text_names
            ),
        ] = None,
        network: Annotated[bool, typer.Option("--network", help="The network alone, without the counts.")] = False,
    ) -> None:
        """Measure a trained model on a text.

        The mean surprise of each symbol, in nats and bits: the whole text in one stream, the state carried.
        """
        import numpy as np
        import torch

        from rnncourse.cli._runs import note_damage
        from rnncourse.data import DataError, load_corpus
        from rnncourse.models import surprise
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.run import load_model, load_predictor
        from rnncourse.training.session import read_again

        torch.set_num_threads(1)  # one stream is a chain of small products
        run = run or _last(fail)
        try:
            model, vocabulary, checkpoint = (load_model if network else load_predictor)(run)
            note_damage(checkpoint)
            said = checkpoint.meta["text"]
            if text is None:
                try:
                    corpus = read_again(checkpoint.meta)
                except DataError as error:
                    fail(f"{error} Or name another text to measure: rnncourse evaluate {run} TEXT")
                if corpus.sha256 != said["sha256"]:
                    fail(f"{said['origin']} is not the text that {run} was trained on: name a text")
                ids, characters = corpus.validation, corpus.validation_characters
            else:
                corpus = load_corpus(text, validation=0, vocabulary=vocabulary)
                ids, characters = corpus.train, corpus.train_characters
            nats = surprise(model, ids)
        except (DataError, CheckpointError, ValueError, ImportError) as error:
            fail(str(error))
        loss = nats / (len(ids) - 1)
        typer.echo(
            f"{len(ids):,} symbols: {loss:.4f} nats a symbol, {loss / math.log(2):.4f} bits, "
            f"perplexity {math.exp(loss) if loss < 700 else math.inf:.3f}"
        )
        if said["unit"] != "characters":
            bits = nats / math.log(2) / characters
            typer.echo(f"{characters:,} characters: {bits:.4f} bits a character")
            unknown = np.mean(ids == 0) if said["unit"] == "words" else 0
            if unknown:
                typer.echo(f"{unknown:.2%} of the symbols are unknown words, which are not told apart.")

    @app.command(
        epilog='Examples:\n\nrnncourse generate runs/shakespeare\n\nrnncourse generate runs/my --prompt "Once" '
        "--length 2000 --temperature 0.7 --seed 3"
    )
    def generate(
        run: Annotated[
            Path | None,
            typer.Argument(
                help="The folder that `rnncourse train` wrote (default: the last in runs).", autocompletion=run_folders
            ),
        ] = None,
        prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "\n",
        length: Annotated[int, typer.Option(help="How many symbols.", min=0)] = 500,
        temperature: Annotated[float, typer.Option(help="0: always the likeliest.", min=0)] = 0.8,
        top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest.", min=1)] = None,
        top_p: Annotated[float | None, typer.Option(help="Draw from the fewest that have this probability.")] = None,
        seed: Annotated[int | None, typer.Option(help="For the same text again.", min=0)] = None,
        network: Annotated[bool, typer.Option("--network", help="The network alone, without the counts.")] = False,
    ) -> None:
        """Text from a model, as it comes."""
        import torch

        from rnncourse.cli._runs import note_damage
        from rnncourse.models import stream
        from rnncourse.training.checkpoint import CheckpointError
        from rnncourse.training.run import load_model, load_predictor

        torch.set_num_threads(1)
        run = run or _last(fail)
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        try:
            model, vocabulary, checkpoint = (load_model if network else load_predictor)(run)
            note_damage(checkpoint)
            ids = torch.from_numpy(vocabulary.encode(prompt))
            options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
            decoder = vocabulary.decoder()
            for id in ids:  # between words it puts a space, also after the prompt
                decoder.push(int(id))
            typer.echo(prompt, nl=False)
            for id in stream(model, ids, length, generator=generator, **options):
                typer.echo(decoder.push(id), nl=False)
            typer.echo(decoder.finish(), nl=False)
        except (CheckpointError, ValueError, ImportError) as error:
            fail(str(error))
        except KeyboardInterrupt:
            typer.echo()
            raise typer.Exit(INTERRUPTED) from None
        typer.echo()


def _last(fail: Any) -> Path:
    """The run that was written last."""
    from rnncourse.training.run import CHECKPOINT

    found = sorted(Path("runs").glob(f"*/{CHECKPOINT}"), key=lambda path: path.stat().st_mtime)
    if not found:
        fail("there is no run in the folder runs: train one with `rnncourse train TEXT`, or name a run's folder")
    return found[-1].parent
