"""How the service does beside the library in it: `python -m benchmarks serving`."""
