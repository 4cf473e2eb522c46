"""Texts, vocabularies and batches. Loads NumPy alone; what downloads is imported when something is downloaded."""

from rnncourse.data.batches import Batches, batches
from rnncourse.data.errors import DataError
from rnncourse.data.synthetic import adding
from rnncourse.data.text import TEXT_NAMES, Text, load_text
from rnncourse.data.vocabulary import Vocabulary

__all__ = ["TEXT_NAMES", "Batches", "DataError", "Text", "Vocabulary", "adding", "batches", "load_text"]
