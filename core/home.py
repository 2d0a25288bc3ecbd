"""The folder in which the program keeps what it makes and fetches."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from core.errors import InputError


def home() -> Path:
    """``$SHIFTSCOPE_HOME``, or the user's data folder for this program; made if it is not there.

    Raises
    ------
    InputError
        It cannot be made, is not a folder, or cannot be written to.
    """
    folder = Path(os.environ.get("SHIFTSCOPE_HOME") or platformdirs.user_data_dir("shiftscope")).expanduser().absolute()
    remedy = "Set SHIFTSCOPE_HOME to a folder that you can write to."
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("SHIFTSCOPE_HOME", f"{folder} cannot be used as a folder ({error.strerror}).", remedy) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError("SHIFTSCOPE_HOME", f"{folder} cannot be written to.", remedy)
    return folder
