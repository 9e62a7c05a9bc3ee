"""Examples: one idea each, short, each runs alone: `make example-1`."""
