"""Shape of a small masked model."""

from dataclasses import replace

from shard_files import VOCABULARY
from small_packs import SHAPE

BERT = replace(SHAPE, vocabulary=VOCABULARY + 1, architecture="bert")
