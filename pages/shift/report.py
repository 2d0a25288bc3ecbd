"""The shift between two chosen domains, before any training: how far, in what, of which kind. Each part appears when it is known."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import streamlit as st

from core.backbones import BACKBONES, fitting_backbone
from core.domains import kind_of
from core.errors import InputError
from core.experiment import Experiment
from core.figures.shift_page import page as html_page
from core.reports.shift import (
    STAGES,
    Classes,
    Classifier,
    Distances,
    Explanation,
    Kernel,
    Samples,
    ShiftReport,
    Stage,
    only,
    shift_stages,
)
from core.reports.shift_data import VIEWS, View
from core.reports.shift_limits import cannot_tell
from core.reports.shift_text import conditions, facts, verdict
from core.runs import store
from pages.choose import fields, picker
from pages.elements.link import bound, go_to_adapt
from pages.elements.text import literal
from pages.elements.theme import dark
from pages.frame import blind, header
from pages.shift import panels

CHOICES: dict[str, View] = {"Inputs": "raw", "Untrained": "fresh", "Trained": "trained", "Pretrained": "pretrained"}


def choices() -> None:
    """What is compared: the inputs, or the features of a network."""
    source = picker.domain_spec("source")
    kind = kind_of(source["name"], source["params"])
    fitting = {entry.name: entry.title for entry in BACKBONES if kind is None or kind in entry.kinds}
    view = st.segmented_control(
        "Compare",
        list(CHOICES),
        default="Inputs",
        key=bound("compare", CHOICES),
        bind="query-params",
        required=True,
        help="Inputs, or a network's features.",
    )
    if view == "Pretrained":
        st.caption("ResNet-18 with ImageNet weights: the 512 features before its last layer. Takes some seconds.")
    elif view != "Inputs":
        fields.choose("Backbone", fitting, "backbone", fitting_backbone(kind))
        said = {
            "Untrained": "Random weights: what the architecture alone makes of the inputs.",
            "Trained": "On the source alone, as stored by a run on these domains with the default budget.",
        }
        st.caption(said[view])


class _Growing:
    """The stages of a report, each computed once, by whoever asks first, and watched by everybody."""

    def __init__(self, stages: Iterator[Stage]):
        self._stages, self._lock = stages, threading.Lock()
        self._done: list[Stage | str] = []

    def __iter__(self) -> Iterator[Stage | str]:
        """Stage after stage; what is wrong as the last item, where something is."""
        for i in range(len(STAGES)):
            with self._lock:
                if i == len(self._done):
                    self._done.append(self._next())
            yield self._done[i]
            if isinstance(self._done[i], str):
                return

    def _next(self) -> Stage | str:
        try:
            return next(self._stages)
        except InputError as error:
            return str(error)


@st.cache_resource(max_entries=32, show_spinner=False)
def _growing(experiment_json: str, view: View, born: str | None, hidden: bool) -> _Growing:
    """``hidden``: without target labels. ``born`` names the stored network, so that one which is trained later is looked at anew."""
    experiment = Experiment.parse(experiment_json)
    reference = store.ReferenceStore().get(born) if born else None
    return _Growing(shift_stages(experiment, view, None if reference is None else reference.model, hidden))


class _Places:
    """Where each part of the report stands, whichever comes first."""

    def __init__(self, version: str):
        self.version = version
        self.top, self.progress, self.said = st.empty(), st.empty(), st.empty()
        self.warned = st.container()
        self.tiles = st.container(horizontal=True)
        self.left, self.right = st.columns(2)
        self.strips, self.explains = st.container(), st.columns(2)
        self.kind, self.more, self.below = st.container(), st.container(), st.container()

    def draw(self, stage: Stage, before: list[Stage]) -> None:
        """The parts that a stage adds to those ``before`` it."""
        match stage:
            case Samples():
                self.top.markdown("#### Comparing the two domains…")
                accounts = [literal(line) for account in stage.accounts for line in account.lines]
                self.said.caption("  \n".join([conditions(stage), *accounts]))
            case Classifier():
                with self.tiles:
                    panels.tiles(stage.numbers)
                with self.left:
                    panels.gauge(stage, self.version)
                with self.strips:
                    panels.samples(only(before, Samples), stage)
            case Kernel():
                with self.tiles:
                    panels.tiles(stage.numbers)
                with self.right:
                    panels.null(stage, self.version)
            case Explanation():
                self.top.markdown(f"#### {literal(verdict(only(before, Samples), only(before, Classifier), stage))}")
                with self.explains[0]:
                    panels.properties(stage, only(before, Samples), self.version)
                with self.warned:
                    panels.giveaways(stage)
            case Distances():
                with self.more.expander("More distances, with their A/A control"):
                    panels.more_numbers(only(before, Samples), stage.numbers)
                with self.warned:
                    panels.limits(cannot_tell(only(before, Samples), only(before, Classifier), only(before, Explanation), stage))
            case Classes():
                with self.explains[1]:
                    panels.classes(stage, only(before, Samples).class_names, self.version)
                with self.kind:
                    panels.kind(stage)
            case _:
                pass  # the map is drawn when all is done


def report() -> None:
    """Draw the report for the widgets' source, target and what is compared."""
    experiment, view = _experiment()
    if experiment is None:
        return
    header.chips(experiment.model_dump(mode="json"), ask_only=True)
    address = experiment.reference_id("source")
    born = address if view == "trained" and address in store.ReferenceStore() else None
    growing = _growing(experiment.canonical_json(), view, born, blind.on())
    places = _Places(f"{experiment.id}-{view}-{born}-{dark()}-{blind.on()}")
    done: list[Stage] = []
    for stage in growing:
        if isinstance(stage, str):
            places.progress.empty()
            places.top.error(literal(stage), title="These cannot be compared", icon=":material/error:")
            return
        places.draw(stage, done)
        done.append(stage)
        if len(done) < len(STAGES):
            places.progress.progress(len(done) / len(STAGES), f"{STAGES[len(done)].doing}…")
    places.progress.empty()
    with places.below:
        r = ShiftReport.of(done)
        panels.chart_map(r, experiment.id)
        _take_along(experiment, r)


def _experiment() -> tuple[Experiment | None, View]:
    """What the widgets ask; None, with a message on the page, where it does not fit together."""
    data = {side: picker.chosen()[side] for side in ("source", "target")}
    kind, view = kind_of(data["source"]["name"], data["source"]["params"]), CHOICES[st.session_state["compare"]]
    name = fitting_backbone(kind)
    backbone = {"name": st.session_state.get("backbone", name) if view in ("fresh", "trained") else name}
    if view == "pretrained":
        backbone = {"name": "resnet18", "params": {"weights": "IMAGENET1K_V1"}}
    try:
        return Experiment.parse(data | {"backbone": backbone, "seed": st.session_state.get("seed", 0)}), view
    except InputError as error:
        st.error(literal(str(error)), title="These two do not fit together", icon=":material/error:")
        return None, view


def _take_along(experiment: Experiment, r: ShiftReport) -> None:
    """Adapt these domains, or keep the report."""
    with st.container(horizontal=True):
        if st.button("Adapt this", type="primary", icon=":material/auto_fix_high:", help="Opens Adapt with these two domains."):
            backbone = fitting_backbone(r.samples.kind) if r.samples.view == "pretrained" else experiment.backbone.name
            go_to_adapt(choices=picker.data_values(experiment.model_dump(mode="json")) | {"backbone": backbone})
        name = f"shift-{experiment.id}-{VIEWS[r.samples.view].replace(' ', '-')}"
        st.download_button(
            "Report as a page",
            lambda: html_page(facts(experiment, r), r),
            f"{name}.html",
            "text/html",
            icon=":material/description:",
            help="One file that opens anywhere, without a network.",
            on_click="ignore",
        )
        st.download_button(
            "Numbers",
            lambda: json.dumps(facts(experiment, r), indent=2),
            f"{name}.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
