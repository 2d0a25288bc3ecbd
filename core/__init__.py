"""The engine of Shiftscope: it knows no Streamlit.

The same code runs in a notebook, on the command line, in the background worker and in the tests.
"""
