"""The index beside its peers: `python -m benchmarks ann`; the standard library only, up here."""
