"""The command line behind ``python -m core``: what is asked (`arguments`), and each longer command in a file of its own."""
