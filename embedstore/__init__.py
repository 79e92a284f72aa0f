"""Find photos with words: train, index, search, answer, measure."""
