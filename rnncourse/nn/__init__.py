"""Torch modules with the names, arguments and state dicts of `torch.nn`, and what `torch.nn` lacks.

`RNN`, `LSTM` and `GRU` are torch's own as long as no further option is asked for. What they add, and `MinGRU` and
`MinLSTM`, runs on `rnncourse.ops`. `TransformerBlock` and `MultiheadAttention` take torch's state dicts and add a cache
of keys and values; `AdditiveAttention`, `MultiplicativeAttention`, `CRF` and positions are what torch has none of. Time
comes first. Tests bind all of it to `rnncourse.reference`.
"""

from .additive_attention import AdditiveAttention
from .crf import CRF
from .gru import GRU
from .lstm import LSTM
from .mingru import MinGRU
from .minlstm import MinLSTM
from .multihead_attention import KeyValue, MultiheadAttention
from .multiplicative_attention import MultiplicativeAttention
from .positions import LearnedPositions, SinusoidalPositions, rotary
from .rnn import RNN
from .transformer_block import TransformerBlock

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "KeyValue",
    "LearnedPositions",
    "MinGRU",
    "MinLSTM",
    "MultiheadAttention",
    "MultiplicativeAttention",
    "SinusoidalPositions",
    "TransformerBlock",
    "rotary",
]
