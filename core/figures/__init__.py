"""Figures: records in, Plotly figures out. `style` holds colours and templates, `curves` lines over epochs, `tables` heat maps and bars.

Nothing here knows a model or computes a measure.
"""
