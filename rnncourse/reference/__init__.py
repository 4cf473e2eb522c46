"""The NumPy reference: every model of the course, forward and backward by hand.

Loads NumPy alone. Shapes: T time, B batch, I input, H hidden, V vocabulary, E embedding. Names and conventions are
PyTorch's, so that weights interchange. `*_forward` returns output, state and cache; `*_backward` takes the cache.
"""

from .activation_penalties import (
    ar_backward,
    ar_forward,
    state_kl_backward,
    state_kl_forward,
    tar_backward,
    tar_forward,
)
from .adagrad import Adagrad
from .adamw import AdamW
from .additive_attention import additive_attention_backward, additive_attention_forward
from .batch_norm import RunningStatistics, batch_norm_backward, batch_norm_forward
from .beam import Hypothesis, beam_search
from .bidirectional import bidirectional_backward, bidirectional_forward
from .cache_model import UnigramCache
from .causal_conv import causal_conv_backward, causal_conv_forward
from .clipping import clip_grad_norm_
from .continuous_cache import ContinuousCache
from .coupled_lstm import coupled_lstm_cell, init_coupled_lstm
from .crf import crf_backward, crf_forward
from .crf_decode import crf_viterbi
from .cross_entropy import cross_entropy_backward, cross_entropy_forward, log_softmax, softmax
from .ctc import ctc_backward, ctc_forward
from .ctc_decode import Labelling, ctc_beam_search, ctc_greedy
from .dropout import (
    dropout_backward,
    dropout_forward,
    dropout_mask,
    locked_dropout_forward,
)
from .embedding import embedding_backward, embedding_forward
from .focal import focal_backward, focal_forward
from .gate_biases import chrono_, set_forget_bias_
from .gate_order import GATE_ORDERS, reorder_gates
from .gelu import gelu_backward, gelu_forward
from .gpt2 import gpt2_backward, gpt2_forward
from .gpt2_generate import gpt2_generate
from .gpt2_params import init_gpt2
from .gradcheck import GradientError, gradcheck, numerical_gradient
from .gru import gru_cell, init_gru
from .gru_conventions import flip_z
from .gru_sequence import gru_backward, gru_forward
from .initialisers import (
    identity,
    init_rnn,
    kaiming_normal,
    kaiming_uniform,
    orthogonal,
    pytorch_uniform,
    xavier_normal,
    xavier_uniform,
)
from .jordan import init_jordan, jordan_cell
from .keras_dense import linear_from_keras, linear_to_keras
from .keras_layout import from_keras, to_keras
from .language_model import RNNLanguageModel
from .layer_names import join_layers, split_layers
from .layer_norm import layer_norm_backward, layer_norm_forward
from .layer_norm_lstm import init_layer_norm_lstm, layer_norm_lstm_cell
from .layer_norm_rnn import init_layer_norm_rnn, layer_norm_rnn_cell
from .linear import linear_backward, linear_forward
from .linear_scan import linear_scan_backward, linear_scan_forward
from .losses import bits_per_character, mse_backward, mse_forward, perplexity
from .lstm import init_lstm, lstm_cell
from .lstm_sequence import lstm_backward, lstm_forward
from .masks import length_mask
from .mingru import init_mingru, mingru_cell
from .mingru_scan import mingru_backward, mingru_forward
from .minlstm import init_minlstm, minlstm_cell
from .minlstm_scan import minlstm_backward, minlstm_forward
from .mixture import MixtureFit, fit_mixture, mix, mixture_loss
from .mlp import mlp_backward, mlp_forward
from .multihead_attention import KeyValue, multihead_attention_backward, multihead_attention_forward
from .multiplicative_attention import multiplicative_attention_backward, multiplicative_attention_forward
from .ngram import KneserNey
from .one_bias import merge_biases
from .onnx_layout import from_onnx, to_onnx
from .onnx_node import ONNXLayer
from .optimizers import SGD, Adam
from .peephole import init_peephole_lstm, peephole_lstm_cell
from .positions import learned_positions_backward, learned_positions_forward, sinusoidal_positions
from .pruning import global_magnitude_masks, magnitude_mask, random_mask, unit_mask
from .quantile import quantile_backward, quantile_forward
from .quantisation import Quantised, dequantise, quantise, quantise_activations, quantised_linear
from .rmsprop import RMSProp
from .rnn import rnn_backward, rnn_cell, rnn_forward
from .sampling import sample
from .scaled_dot_product import scaled_dot_product_backward, scaled_dot_product_forward
from .scan import Cell, scan_backward, scan_forward
from .stack import stack_backward, stack_forward
from .stacked import layer_params, stacked_rnn_backward, stacked_rnn_forward
from .torch_layout import from_torch, to_torch
from .training import tbptt
from .transformer_block import transformer_block_backward, transformer_block_forward
from .weight_drop import embedding_dropout_forward, weight_drop_backward, weight_drop_forward
from .weight_norm import weight_norm_backward, weight_norm_forward
from .zoneout import zoneout

__all__ = [
    "GATE_ORDERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Cell",
    "ContinuousCache",
    "GradientError",
    "Hypothesis",
    "KeyValue",
    "KneserNey",
    "Labelling",
    "MixtureFit",
    "ONNXLayer",
    "Quantised",
    "RMSProp",
    "RNNLanguageModel",
    "RunningStatistics",
    "UnigramCache",
    "additive_attention_backward",
    "additive_attention_forward",
    "ar_backward",
    "ar_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "beam_search",
    "bidirectional_backward",
    "bidirectional_forward",
    "bits_per_character",
    "causal_conv_backward",
    "causal_conv_forward",
    "chrono_",
    "clip_grad_norm_",
    "coupled_lstm_cell",
    "crf_backward",
    "crf_forward",
    "crf_viterbi",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "ctc_backward",
    "ctc_beam_search",
    "ctc_forward",
    "ctc_greedy",
    "dequantise",
    "dropout_backward",
    "dropout_forward",
    "dropout_mask",
    "embedding_backward",
    "embedding_dropout_forward",
    "embedding_forward",
    "fit_mixture",
    "flip_z",
    "focal_backward",
    "focal_forward",
    "from_keras",
    "from_onnx",
    "from_torch",
    "gelu_backward",
    "gelu_forward",
    "global_magnitude_masks",
    "gpt2_backward",
    "gpt2_forward",
    "gpt2_generate",
    "gradcheck",
    "gru_backward",
    "gru_cell",
    "gru_forward",
    "identity",
    "init_coupled_lstm",
    "init_gpt2",
    "init_gru",
    "init_jordan",
    "init_layer_norm_lstm",
    "init_layer_norm_rnn",
    "init_lstm",
    "init_mingru",
    "init_minlstm",
    "init_peephole_lstm",
    "init_rnn",
    "join_layers",
    "jordan_cell",
    "kaiming_normal",
    "kaiming_uniform",
    "layer_norm_backward",
    "layer_norm_forward",
    "layer_norm_lstm_cell",
    "layer_norm_rnn_cell",
    "layer_params",
    "learned_positions_backward",
    "learned_positions_forward",
    "length_mask",
    "linear_backward",
    "linear_forward",
    "linear_from_keras",
    "linear_scan_backward",
    "linear_scan_forward",
    "linear_to_keras",
    "locked_dropout_forward",
    "log_softmax",
    "lstm_backward",
    "lstm_cell",
    "lstm_forward",
    "magnitude_mask",
    "merge_biases",
    "mingru_backward",
    "mingru_cell",
    "mingru_forward",
    "minlstm_backward",
    "minlstm_cell",
    "minlstm_forward",
    "mix",
    "mixture_loss",
    "mlp_backward",
    "mlp_forward",
    "mse_backward",
    "mse_forward",
    "multihead_attention_backward",
    "multihead_attention_forward",
    "multiplicative_attention_backward",
    "multiplicative_attention_forward",
    "numerical_gradient",
    "orthogonal",
    "peephole_lstm_cell",
    "perplexity",
    "pytorch_uniform",
    "quantile_backward",
    "quantile_forward",
    "quantise",
    "quantise_activations",
    "quantised_linear",
    "random_mask",
    "reorder_gates",
    "rnn_backward",
    "rnn_cell",
    "rnn_forward",
    "sample",
    "scaled_dot_product_backward",
    "scaled_dot_product_forward",
    "scan_backward",
    "scan_forward",
    "set_forget_bias_",
    "sinusoidal_positions",
    "softmax",
    "split_layers",
    "stack_backward",
    "stack_forward",
    "stacked_rnn_backward",
    "stacked_rnn_forward",
    "state_kl_backward",
    "state_kl_forward",
    "tar_backward",
    "tar_forward",
    "tbptt",
    "to_keras",
    "to_onnx",
    "to_torch",
    "transformer_block_backward",
    "transformer_block_forward",
    "unit_mask",
    "weight_drop_backward",
    "weight_drop_forward",
    "weight_norm_backward",
    "weight_norm_forward",
    "xavier_normal",
    "xavier_uniform",
    "zoneout",
]
