"""Answers from neighbours: evidence into words that cite it, or an abstention."""
