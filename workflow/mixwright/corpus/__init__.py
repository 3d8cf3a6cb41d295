"""From text to token shards: clean, tokenize, count, and the order in which training reads."""
