"""How good words are: scores of texts against references, as pure functions."""
