"""Widgets made from models and registries, every one of them in the URL."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

LABELS = {"shots": "Labelled target samples per class", "joint": "Joint line", "lr": "Learning rate"}


def titles(registry) -> dict[str, str]:
    return {entry.name: getattr(entry, "title", None) or entry.info.title for entry in registry}


def choose(label: str, options: dict[str, str], key: str, default: str, **more: Any) -> str:
    """A bound selectbox over names shown by their titles. The URL holds the title."""
    return st.selectbox(
        label, list(options), index=list(options).index(default), key=key, bind="query-params", format_func=options.__getitem__, **more
    )


def form(model: type[BaseModel], prefix: str, title: str) -> None:
    """An expander with a widget for each field of ``model``; nothing where it has none."""
    if model.model_fields:
        with st.expander(title, key=f"{prefix}.open"):
            widgets(model, f"{prefix}.")


def widgets(model: type[BaseModel], prefix: str) -> None:
    for name, info in model.model_fields.items():
        field(name, info, prefix + name)


def field(name: str, info: FieldInfo, key: str, default: Any = None) -> None:
    """One bound widget for one field of a model: its range and meaning come from the model, and its default unless one is given."""
    label, help_text = LABELS.get(name) or name.replace("_", " ").capitalize(), info.description
    kind = info.annotation
    if get_origin(kind) is Literal:
        options = list(get_args(kind))
        st.selectbox(label, options, index=options.index(info.default), key=key, bind="query-params", help=help_text)
    elif kind is bool:
        st.toggle(label, info.default, key=key, bind="query-params", help=help_text)
    else:
        low, high = limits(info)
        step = 1 if kind is int else None
        st.number_input(
            label,
            kind(low),
            kind(high),
            info.default if default is None else default,
            step,
            key=key,
            bind="query-params",
            help=help_text,
            format="%d" if kind is int else "%g",
        )


def limits(info: FieldInfo) -> tuple[float, float]:
    """The allowed range of a numeric field; an open lower end of 0 becomes the smallest value a widget can show."""
    low, high = 0.0, 1e9
    for rule in info.metadata:
        low = getattr(rule, "ge", low)
        low = max(getattr(rule, "gt", low), 1e-6) if hasattr(rule, "gt") else low
        high = getattr(rule, "le", high)
    return low, high
