"""Torch modules with the names, arguments and state dicts of `torch.nn`, and what `torch.nn` lacks.

`RNN`, `LSTM` and `GRU` are torch's own as long as no further option is asked for. What they add, and `MinGRU` and
`MinLSTM`, runs on `rnncourse.ops`; tests bind all of it to `rnncourse.reference`.
"""

from .gru import GRU
from .lstm import LSTM
from .mingru import MinGRU
from .minlstm import MinLSTM
from .rnn import RNN

__all__ = ["GRU", "LSTM", "RNN", "MinGRU", "MinLSTM"]
