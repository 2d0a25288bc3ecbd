"""The panels of a run."""
