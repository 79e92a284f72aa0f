"""Learn the weights of encoders from pairs of pictures and captions."""
