"""Training in Torch: truncated backpropagation with a carried state, checkpoints, runs that survive a kill."""

from .board import Board
from .checkpoint import Checkpoint, CheckpointError, load, load_latest, save_checkpoint
from .companion import Companion, Measured
from .config import TrainingConfig
from .evaluate import evaluate
from .run import Run, load_model, load_predictor, seed_model
from .schedule import schedule_factor
from .session import begin, finish, take_up
from .trainer import Step, Trainer, TrainingError
from .world import World, join

__all__ = [
    "Board",
    "Checkpoint",
    "CheckpointError",
    "Companion",
    "Measured",
    "Run",
    "Step",
    "Trainer",
    "TrainingConfig",
    "TrainingError",
    "World",
    "begin",
    "evaluate",
    "finish",
    "join",
    "load",
    "load_latest",
    "load_model",
    "load_predictor",
    "save_checkpoint",
    "schedule_factor",
    "seed_model",
    "take_up",
]
