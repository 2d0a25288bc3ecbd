"""Widgets made from models and registries, every one of them in the URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.experiment.settings import field_title
from pages.elements.link import bound


class Titled(Protocol):
    """An entry of a registry: by what name it is stored, and what the user reads."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...


def titles(registry: Iterable[Titled]) -> dict[str, str]:
    return {entry.name: entry.title for entry in registry}


def choose(
    label: str, options: dict[str, str], key: str, default: str, help: str | None = None, follow: Callable[[], None] | None = None
) -> str:
    """A bound selectbox over names shown by their titles. The URL holds the title. ``follow`` is called when another is chosen."""
    return st.selectbox(
        label,
        list(options),
        index=list(options).index(default),
        key=bound(key, options.values()),
        bind="query-params",
        format_func=options.__getitem__,
        help=help,
        on_change=follow,
    )


def form(model: type[BaseModel], prefix: str, title: str, without: tuple[str, ...] = ()) -> None:
    """An expander with a widget for each field of ``model`` but those that stand elsewhere; nothing where there is none."""
    if set(model.model_fields) - set(without):
        with st.expander(title, key=f"{prefix}.open"):
            widgets(model, f"{prefix}.", without)


def widgets(model: type[BaseModel], prefix: str, without: tuple[str, ...] = ()) -> None:
    for name, info in model.model_fields.items():
        if name not in without:
            field(name, info, prefix + name)


def field(name: str, info: FieldInfo, key: str, default: float | None = None) -> None:
    """One bound widget for one field of a model: its range and meaning come from the model, and its default unless one is given."""
    label, help_text = field_title(name), info.description
    kind = info.annotation
    if get_origin(kind) is Literal:
        options = list(get_args(kind))
        st.selectbox(label, options, index=options.index(info.default), key=bound(key, options), bind="query-params", help=help_text)
    elif kind is bool:
        st.toggle(label, info.default, key=bound(key, ["true", "false"]), bind="query-params", help=help_text)
    elif kind is int or kind is float:
        low, high = limits(info)
        st.number_input(
            label,
            kind(low),
            kind(high),
            info.default if default is None else default,
            1 if kind is int else None,
            key=bound(key, limits=(low, high)),
            bind="query-params",
            help=help_text,
            format="%d" if kind is int else "%g",
        )
    else:
        raise TypeError(f"There is no widget for {key}, which is {kind}.")


def limits(info: FieldInfo) -> tuple[float, float]:
    """The allowed range of a numeric field; an open lower end of 0 becomes the smallest value a widget can show."""
    low, high = 0.0, 1e9
    for rule in info.metadata:
        low = getattr(rule, "ge", low)
        low = max(getattr(rule, "gt", low), 1e-6) if hasattr(rule, "gt") else low
        high = getattr(rule, "le", high)
    return low, high
