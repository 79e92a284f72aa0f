"""Vectors in, neighbours out: numpy and faiss, no SQL, no HTTP, no torch."""
