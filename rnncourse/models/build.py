"""A network from its configuration, of whichever class, and the configuration from what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .language_model import LanguageModel, LanguageModelConfig
from .transformer_config import TransformerLMConfig
from .transformer_lm import TransformerLM

__all__ = ["build", "config_class", "config_from_json", "config_to_json"]

TRANSFORMER = "transformer"

Config = LanguageModelConfig | TransformerLMConfig


def config_class(cell: str) -> type[Config]:
    """The class of the configuration of a network with that cell, "transformer" counted among the cells."""
    return TransformerLMConfig if cell == TRANSFORMER else LanguageModelConfig


def build(config: Config) -> LanguageModel | TransformerLM:
    """A network of that shape, its weights drawn from PyTorch's generator.

    Args:
        config: of a recurrent network or of a Transformer.

    Returns:
        The network, in training mode.

    >>> type(build(TransformerLMConfig(vocab_size=5, embedding_size=8))).__name__
    'TransformerLM'
    """
    return TransformerLM(config) if isinstance(config, TransformerLMConfig) else LanguageModel(config)


def config_to_json(config: Config) -> dict[str, Any]:
    """The attributes, for a checkpoint; "cell" says of which class it is."""
    return {"cell": TRANSFORMER, **config.to_json()} if isinstance(config, TransformerLMConfig) else config.to_json()


def config_from_json(data: Mapping[str, Any]) -> Config:
    """The configuration that `config_to_json` described.

    Args:
        data: what it returned.

    Raises:
        ValueError: a size out of range.
    """
    attributes = dict(data)
    if attributes["cell"] == TRANSFORMER:
        del attributes["cell"]
    return config_class(data["cell"])(**attributes)
