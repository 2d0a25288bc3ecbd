"""The engine of Shiftscope: it knows no Streamlit.

The same code runs in a notebook, on the command line, in the background worker and in the tests.
"""

__version__ = "0.6.0"  # raised as CHANGELOG.md says; written into every run
