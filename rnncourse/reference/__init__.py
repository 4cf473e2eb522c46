"""The NumPy reference: every model of the course, forward and backward by hand.

Loads NumPy alone. Shapes: T time, B batch, I input, H hidden, V vocabulary, E embedding. Names and conventions are
PyTorch's, so that weights interchange. `*_forward` returns output, state and cache; `*_backward` takes the cache.
"""

from .clipping import clip_grad_norm_
from .embedding import embedding_backward, embedding_forward
from .gradcheck import GradientError, gradcheck, numerical_gradient
from .initialisers import (
    identity,
    init_rnn,
    kaiming_normal,
    orthogonal,
    pytorch_uniform,
    xavier_normal,
    xavier_uniform,
)
from .language_model import RNNLanguageModel
from .linear import linear_backward, linear_forward
from .losses import (
    bits_per_character,
    cross_entropy_backward,
    cross_entropy_forward,
    log_softmax,
    mse_backward,
    mse_forward,
    perplexity,
    softmax,
)
from .ngram import KneserNey
from .optimizers import SGD, Adam
from .pruning import magnitude_mask, random_mask, unit_mask
from .rnn import rnn_backward, rnn_forward
from .sampling import sample
from .stacked import layer_params, stacked_rnn_backward, stacked_rnn_forward
from .training import tbptt

__all__ = [
    "SGD",
    "Adam",
    "GradientError",
    "KneserNey",
    "RNNLanguageModel",
    "bits_per_character",
    "clip_grad_norm_",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "embedding_backward",
    "embedding_forward",
    "gradcheck",
    "identity",
    "init_rnn",
    "kaiming_normal",
    "layer_params",
    "linear_backward",
    "linear_forward",
    "log_softmax",
    "magnitude_mask",
    "mse_backward",
    "mse_forward",
    "numerical_gradient",
    "orthogonal",
    "perplexity",
    "pytorch_uniform",
    "random_mask",
    "rnn_backward",
    "rnn_forward",
    "sample",
    "softmax",
    "stacked_rnn_backward",
    "stacked_rnn_forward",
    "tbptt",
    "unit_mask",
    "xavier_normal",
    "xavier_uniform",
]
