"""Runs: `record` is a run's folder on disk, `store` finds them, `execute` fills one, `worker` does so in the background.

Pages and the command line read records; nothing in them needs this program to be read, and nothing is a pickle.
"""
