"""Models of text in Torch, behind one interface."""

from rnncourse.models.language_model import LanguageModel, LanguageModelConfig

__all__ = ["LanguageModel", "LanguageModelConfig"]
