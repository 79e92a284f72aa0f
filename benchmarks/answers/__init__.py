"""How good answers from neighbours are, and what they rest on."""
