"""The panels of a pair of populations, before any training."""
