"""The choices of a reader as widgets: what was guessed is filled in, and everything can be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from core.domains.reading import Reading
from core.domains.reading.encodings import TITLES
from core.domains.reading.tables import NONE


def form(reading: Reading, stamp: str, read_again: Callable[[dict[str, Any]], None]) -> None:
    """A form with one widget for each choice; ``read_again`` gets all of them when it is sent."""
    model, values = type(reading.options), reading.options.model_dump(mode="json")
    keys = {name: f"upload_{stamp}_{name}" for name in model.model_fields}

    def send() -> None:
        given = {name: st.session_state[key] for name, key in keys.items() if key in st.session_state}
        read_again(values | {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()})

    with st.expander("How it was read: change it here", key=f"upload_{stamp}_options"), st.form(f"upload_{stamp}_form", border=False):
        for name, info in model.model_fields.items():
            _widget(name, info, values[name], reading.choices.get(name), keys[name])
        st.form_submit_button("Read again", on_click=send, icon=":material/refresh:")


def _widget(name: str, info: FieldInfo, value: Any, columns: tuple[str, ...] | None, key: str) -> None:
    label, text = name.replace("_", " ").capitalize(), info.description
    if columns is not None and isinstance(value, str):
        options = [NONE, *columns]
        st.selectbox(label, options, index=options.index(value), key=key, help=text)
    elif columns is not None:
        st.multiselect(label, columns, default=value or [], key=key, help=text)
    elif get_origin(info.annotation) is Literal:
        options = list(get_args(info.annotation))
        st.selectbox(
            label, options, index=options.index(value), key=key, help=text, format_func=lambda v: TITLES.get(v, v.replace("_", " "))
        )
    elif info.annotation is int:
        low, high = (next((getattr(rule, end) for rule in info.metadata if hasattr(rule, end)), None) for end in ("ge", "le"))
        st.number_input(label, low, high, value, key=key, help=text)
    else:
        low, high = (next((float(getattr(rule, end)) for rule in info.metadata if hasattr(rule, end)), None) for end in ("ge", "le"))
        st.number_input(label, low, high, value, key=key, help=text, format="%g")
