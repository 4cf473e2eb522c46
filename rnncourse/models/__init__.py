"""Language models behind one interface, and what is done with any of them: scoring, mixing, generating. Loads Torch."""

from rnncourse.models.beam import beam_search
from rnncourse.models.build import build, config_from_json, config_to_json
from rnncourse.models.cache import UnigramCacheModel
from rnncourse.models.continuous_cache import ContinuousCacheModel, FeaturePredictor
from rnncourse.models.generate import generate, stream
from rnncourse.models.interface import Predictor, select_batch
from rnncourse.models.language_model import LanguageModel, LanguageModelConfig
from rnncourse.models.mixture import MixtureModel
from rnncourse.models.ngram import NGramModel
from rnncourse.models.scoring import log_probs, score, surprise
from rnncourse.models.transformer_config import TransformerLMConfig
from rnncourse.models.transformer_lm import TransformerLM
from rnncourse.models.truncation import draw, truncated

__all__ = [
    "ContinuousCacheModel",
    "FeaturePredictor",
    "LanguageModel",
    "LanguageModelConfig",
    "MixtureModel",
    "NGramModel",
    "Predictor",
    "TransformerLM",
    "TransformerLMConfig",
    "UnigramCacheModel",
    "beam_search",
    "build",
    "config_from_json",
    "config_to_json",
    "draw",
    "generate",
    "log_probs",
    "score",
    "select_batch",
    "stream",
    "surprise",
    "truncated",
]
