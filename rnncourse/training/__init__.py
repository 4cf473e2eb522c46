"""Training in Torch: truncated backpropagation with a carried state, checkpoints, runs that survive a kill."""

from .checkpoint import Checkpoint, CheckpointError, load, load_latest, save_checkpoint
from .config import TrainingConfig
from .evaluate import evaluate
from .run import Run, load_model, load_predictor, seed_model
from .trainer import Step, Trainer, TrainingError

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Run",
    "Step",
    "Trainer",
    "TrainingConfig",
    "TrainingError",
    "evaluate",
    "load",
    "load_latest",
    "load_model",
    "load_predictor",
    "save_checkpoint",
    "seed_model",
]
