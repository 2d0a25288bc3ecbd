"""Measures: how far apart two domains are, and how well a classifier does. Pure functions of features and predictions.

Importing this package registers every measure in `MEASURES`.
"""
