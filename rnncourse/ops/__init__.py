"""The recurrences as functions in Torch, one a file: plain loops over time, against which faster forms are tested.

`rnncourse.reference` has each with its backward pass by hand, in NumPy. Names and shapes are the same here, and so are
the arguments x, state, params and lengths; autograd does the backward pass.
"""

from .coupled_lstm import coupled_lstm_loop
from .gru import gru_loop
from .layer_norm_lstm import layer_norm_lstm_loop
from .layer_norm_rnn import layer_norm_rnn_loop
from .linear_scan import linear_scan
from .lstm import lstm_loop
from .mingru import mingru_loop
from .mingru_scan import mingru_scan
from .minlstm import minlstm_loop
from .minlstm_scan import minlstm_scan
from .peephole_lstm import peephole_lstm_loop
from .rnn import rnn_loop
from .scan import length_mask, scan, turn

__all__ = [
    "coupled_lstm_loop",
    "gru_loop",
    "layer_norm_lstm_loop",
    "layer_norm_rnn_loop",
    "length_mask",
    "linear_scan",
    "lstm_loop",
    "mingru_loop",
    "mingru_scan",
    "minlstm_loop",
    "minlstm_scan",
    "peephole_lstm_loop",
    "rnn_loop",
    "scan",
    "turn",
]
