"""Texts, formal languages, synthetic tasks, vocabularies and batches.

Loads NumPy alone; what downloads is imported when something is downloaded.
"""

from rnncourse.data.batches import Batches, batches
from rnncourse.data.codec import Codec, Decoder, vocabulary_from_json
from rnncourse.data.corpus import Corpus, load_corpus
from rnncourse.data.counting import Counting
from rnncourse.data.dyck import Dyck
from rnncourse.data.errors import DataError
from rnncourse.data.formal import FormalLanguage
from rnncourse.data.named_texts import TEXT_NAMES, TextEntry, list_texts
from rnncourse.data.reber import Reber
from rnncourse.data.subwords import SubwordVocabulary
from rnncourse.data.synthetic import adding
from rnncourse.data.text import Text, load_text
from rnncourse.data.vocabulary import Vocabulary
from rnncourse.data.words import WordVocabulary

__all__ = [
    "TEXT_NAMES",
    "Batches",
    "Codec",
    "Corpus",
    "Counting",
    "DataError",
    "Decoder",
    "Dyck",
    "FormalLanguage",
    "Reber",
    "SubwordVocabulary",
    "Text",
    "TextEntry",
    "Vocabulary",
    "WordVocabulary",
    "adding",
    "batches",
    "list_texts",
    "load_corpus",
    "load_text",
    "vocabulary_from_json",
]
