"""The project's own generator: a small Transformer that reads neighbours, copies and cites."""
