"""The choices that make an experiment: widgets made from the registries, every one of them in the URL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
from pydantic import BaseModel

from core.backbones import BACKBONES
from core.domains import DOMAINS, kind_of, own
from core.domains.titles import domain_licence, own_names
from core.errors import InputError
from core.experiment import Budget, Experiment
from core.experiment.fitting import SideName
from core.methods import METHODS
from pages.choose import catalogue, fit, shifts, situations, upload
from pages.choose.fields import choose, field, form, titles, widgets
from pages.elements.glossary import words
from pages.elements.text import literal

DEFAULT = Experiment.parse({}).model_dump(mode="json")
SHOTS = 3  # of each class, where a method needs labelled target samples
BUDGETS = {"Demo": (20, 8), "Lesson": (30, 30), "Full": (60, 60)}  # source epochs, at most, and epochs of adaptation
EXTRA = ("start", "seed", "snapshot", "joint")  # fields of the experiment itself
NORMS = {
    "pooled": "Source and target pass the network together and are normalised by their common mean and variance.",
    "separate": "Source and target pass the network one after the other, each normalised by its own mean and variance.",
    "own": "As separate, and each domain keeps its own mean and variance for testing as well.",
}
FROZEN = {
    "all": "All its layers stay as they came, and their features are computed once; what follows them is trained.",
    "part": "The last third of its layers is trained, the others stay as they came: slow without a GPU.",
    "none": "All its layers are trained: hours without a GPU.",
}

DOMAIN_TITLES = {entry.name: entry.title for entry in DOMAINS if entry.listed}
OWN = "own:"  # begins the name under which own data are chosen; their digest follows
BACKBONE_TITLES = titles(BACKBONES)
METHOD_TITLES = {info.name: info.title for info in catalogue.CHOICES}


def domain_titles() -> dict[str, str]:
    """The domains to choose from: the registered ones, then the user's own data."""
    return DOMAIN_TITLES | {OWN + digest: name for digest, name in own_names().items()}


def domain_spec(side: str) -> dict[str, Any]:
    """Name and parameters of the domain that is chosen for a side."""
    name = st.session_state.get(side, DEFAULT[side]["name"])
    if name.startswith(OWN):
        return {"name": "own", "params": {"digest": name.removeprefix(OWN)}}
    return {"name": name, "params": _values(DOMAINS.get(name).params, f"{side}.{name}.")}


def _summary(spec: dict[str, Any]) -> str:
    if spec["name"] != "own":
        return DOMAINS.get(spec["name"]).summary
    entry = own.find(spec["params"]["digest"])
    labels = f"{len(entry.class_names)} classes" if entry.counts else "no labels"
    return f"Your own data: {entry.n:,} samples, {labels}, from {literal(entry.source)}."


def data() -> None:
    """Source, target, and the shifts of each. What does not fit a new choice follows it."""
    upload.button(lambda side: fit.follow(side, chosen, fill))
    situations.menu(fill)
    known = domain_titles()
    sides: tuple[SideName, SideName] = ("source", "target")
    for side in sides:
        if st.session_state.get(side, DEFAULT[side]["name"]) not in known:
            st.session_state[side] = DEFAULT[side]["name"]  # own data that have been deleted
        choose(
            side.capitalize(),
            known,
            side,
            DEFAULT[side]["name"],
            help=f"Where the {side} samples come from.",
            follow=partial(fit.follow, side, chosen, fill),
        )
        spec = domain_spec(side)
        kind = kind_of(spec["name"], spec["params"])
        st.caption(f"{_summary(spec)}  \n:small[Licence: {domain_licence(spec)}]")
        shifts.draw(side, spec, kind)
        if spec["name"] != "own":
            form(DOMAINS.get(spec["name"]).params, f"{side}.{spec['name']}", "Size and sampling")
    fit.said_followed()


def backbone() -> None:
    choose("Backbone", BACKBONE_TITLES, "backbone", DEFAULT["backbone"]["name"])
    entry = BACKBONES.get(st.session_state["backbone"])
    st.caption(entry.summary)
    if "freeze" in entry.params.model_fields:
        st.caption(FROZEN[st.session_state.get(f"{entry.name}.freeze", entry.params().model_dump()["freeze"])])
    fit.weights(chosen, fill)
    form(entry.params, entry.name, "Backbone settings")


def method(run: Callable[[Experiment], None]) -> None:
    """The method, what it is, and its two presets, which ``run`` starts."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        choose("Method", METHOD_TITLES, "method", DEFAULT["method"]["name"])
        if st.button("Browse", icon=":material/category:", help=f"All {len(METHOD_TITLES)} methods, grouped and filtered."):
            catalogue.catalogue()
    cls = METHODS.get(st.session_state["method"])
    info = cls.info
    catalogue.labels(info)
    st.caption(f"{info.summary}  \n**Helps:** {info.helps}  \n**Hurts:** {info.hurts}")
    catalogue.presets(info, run)
    if info.setting == "semi-supervised":
        field("shots", Experiment.model_fields["shots"], "shots", default=SHOTS)
    if norm := cls.Params.model_fields.get("norm"):
        key = f"{info.name}.norm"
        field("norm", norm, key)
        st.caption(NORMS[st.session_state[key]])
        words("batch_norm")
    form(cls.Params, info.name, "Hyper-parameters", without=("norm",))
    with st.expander("Formula and paper", key="formula", on_change="rerun") as part:
        if part.open:
            st.latex(info.formula)
            st.caption(f"{info.paper}" + (f", {info.year}" if info.year else "") + (f", arXiv {info.arxiv}" if info.arxiv else "") + ".")


def budget() -> None:
    """Presets fill the two numbers of epochs; everything can be changed below."""
    now = tuple(st.session_state.get(name, DEFAULT["budget"][name]) for name in ("source_epochs", "epochs"))
    with st.container(horizontal=True, gap="small"):
        for name, value in BUDGETS.items():
            st.button(
                name,
                key=f"budget_{name}",
                on_click=_set_budget,
                args=value,
                width="stretch",
                type="primary" if now == value else "secondary",
                help=f"At most {value[0]} epochs on the source, as it ends by itself; {value[1]} of adaptation.",
            )
    with st.expander("Training settings", key="training_settings"):
        widgets(Budget, "")
        for name in EXTRA:
            field(name, Experiment.model_fields[name], name)


def _set_budget(source_epochs: int, epochs: int) -> None:
    st.session_state["source_epochs"], st.session_state["epochs"] = source_epochs, epochs


def chosen() -> dict[str, Any]:
    """The dictionary of the experiment that the widgets describe; read it after they have been drawn."""
    state = st.session_state
    result: dict[str, Any] = {}
    for side in ("source", "target"):
        result[side] = domain_spec(side) | {"shifts": shifts.chosen(side)}
    backbone, method = (state.get(part, DEFAULT[part]["name"]) for part in ("backbone", "method"))
    result["backbone"] = {"name": backbone, "params": _values(BACKBONES.get(backbone).params, f"{backbone}.")}
    result["method"] = {"name": method, "params": _values(METHODS.get(method).Params, f"{method}.")}
    result["budget"] = _values(Budget, "")
    if METHODS.get(method).info.setting == "semi-supervised":
        result["shots"] = state.get("shots", SHOTS)
    return result | {name: state[name] for name in EXTRA if name in state}


def experiment() -> Experiment | None:
    """The chosen experiment; None where it does not fit together, which `fit.problem` tells."""
    try:
        return Experiment.parse(chosen())
    except InputError:
        return None


def _values(model: type[BaseModel], prefix: str) -> dict[str, Any]:
    return {name: st.session_state[prefix + name] for name in model.model_fields if prefix + name in st.session_state}


def data_values(data: dict[str, Any]) -> dict[str, Any]:
    """What the widgets of source and target have to hold to show the data of an experiment, by their keys."""
    values: dict[str, Any] = {}
    for side in ("source", "target"):
        spec = data[side]
        values[side] = OWN + spec["params"]["digest"] if spec["name"] == "own" else spec["name"]
        values |= {f"{side}.{spec['name']}.{name}": value for name, value in spec["params"].items()}
        values |= shifts.values(side, spec["shifts"])
    return values


def fill(data: dict[str, Any], keep_link: bool = True) -> None:
    """Set the widgets to an experiment. What the URL says itself stays, unless ``keep_link`` is False. Call before they are drawn."""
    values = data_values(data)
    if not {values["source"], values["target"]} <= set(domain_titles()):
        return  # a file given on the command line, or data that were deleted: the run can be shown, its data not chosen
    for part in ("backbone", "method"):
        values[part] = data[part]["name"]
        values |= {f"{data[part]['name']}.{name}": value for name, value in data[part]["params"].items()}
    values |= data["budget"] | {name: data[name] for name in EXTRA if name in data}
    if data.get("shots"):
        values["shots"] = data["shots"]
    for key, value in values.items():
        if not keep_link or key not in st.query_params:
            st.session_state[key] = value
