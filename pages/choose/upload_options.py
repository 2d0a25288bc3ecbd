"""The choices of a reader as widgets: what was guessed is filled in, and everything can be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from core.domains.reading import Options
from core.domains.reading.encodings import TITLES
from core.domains.reading.tables import NONE

Choose = Callable[[dict[str, Any]], None]


def form(options: Options, choices: dict[str, tuple[str, ...]], stamp: str, opened: bool, read_again: Choose) -> None:
    """A form with one widget for each choice; ``read_again`` gets those that were changed when it is sent."""
    model, values = type(options), options.model_dump(mode="json")
    keys = {name: f"upload_{stamp}_{name}" for name in model.model_fields}

    def send() -> None:
        given = {name: st.session_state[key] for name, key in keys.items() if key in st.session_state}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
        read_again({name: value for name, value in plain.items() if (value or None) != (values[name] or None)})

    with (
        st.expander("How it was read: change it here", expanded=opened, key=f"upload_{stamp}_options"),
        st.form(f"upload_{stamp}_form", border=False),
    ):
        for name, info in model.model_fields.items():
            _widget(name, info, values[name], choices.get(name), keys[name])
        st.form_submit_button("Read again", on_click=send, icon=":material/refresh:")


def _widget(name: str, info: FieldInfo, value: Any, columns: tuple[str, ...] | None, key: str) -> None:
    label, text = name.replace("_", " ").capitalize(), info.description
    if columns is not None and isinstance(value, str):
        options = ["", NONE, *(c for c in columns if c != NONE)]
        index = options.index(value) if value in options else 0  # other columns, since the file is read otherwise
        st.selectbox(label, options, index=index, key=key, help=text, format_func=lambda name: name or "Guess it")
    elif columns is not None:
        st.multiselect(label, columns, default=[name for name in value or [] if name in columns], key=key, help=text)
    elif get_origin(info.annotation) is Literal:
        options = list(get_args(info.annotation))
        st.selectbox(label, options, index=options.index(value), key=key, help=text, format_func=_titled)
    elif info.annotation is int:
        low, high = (next((getattr(rule, end) for rule in info.metadata if hasattr(rule, end)), None) for end in ("ge", "le"))
        st.number_input(label, low, high, value, key=key, help=text)
    else:
        low, high = (next((float(getattr(rule, end)) for rule in info.metadata if hasattr(rule, end)), None) for end in ("ge", "le"))
        st.number_input(label, low, high, value, key=key, help=text, format="%g")


def _titled(choice: str) -> str:
    return TITLES[choice] if choice in TITLES else choice.replace("_", " ")
