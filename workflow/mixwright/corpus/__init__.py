"""From sources of text to token shards: read, clean, tokenize, and the order in which training reads them."""
