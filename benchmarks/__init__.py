"""How good and how fast embedstore is, measured through its public faces."""
