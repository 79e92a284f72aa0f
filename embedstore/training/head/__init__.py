"""Training the head: examples with neighbours, the loop, its gate and its papers."""
