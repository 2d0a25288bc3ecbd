"""Own data: the dialog in which a file is given, checked, and made a domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core.domains import own
from core.domains.examples import SAMPLE_FILES
from core.domains.reading import Given, Options, Reading, Refusal, read
from core.domains.titles import own_names
from core.errors import InputError
from core.experiment.fitting import SideName
from pages.choose import shifts, upload_check, upload_options
from pages.elements.text import literal

LARGEST = 200  # megabytes that a browser may send; larger files are read from their path by the command line
KEEP = "As it is now"


def button(follow: Callable[[SideName], None]) -> None:
    """The button that opens the dialog; ``follow`` is told which side got data of their own."""
    if st.button(
        "Your own data", key="open_upload", icon=":material/upload:", help="Pictures, tables, texts, sounds or arrays of your own."
    ):
        st.session_state.pop("upload", None)
        _dialog(follow)


@st.dialog("Your own data", width="large", icon=":material/upload:")
def _dialog(follow: Callable[[SideName], None]) -> None:
    files(follow)


def files(follow: Callable[[SideName], None]) -> None:
    """What stands in the dialog: where files are given, what they hold or why they cannot be used, and how they are read."""
    given = st.file_uploader(
        "A zip of pictures or WAV files in class folders, a CSV or Parquet table, texts in a CSV, an .npz or svmlight file",
        accept_multiple_files=True,
        max_upload_size=LARGEST,
        key="upload_files",
        help="domain/class/file in a zip gives several domains at once; so does a table with a domain column, and so do several files. "
        f"The command line reads folders, and files of more than {LARGEST} MB.",
    )
    st.caption(f"Stays on this machine: {literal(str(own.folder()))}")
    if not given:
        _samples()
        _stored()
        return
    found = _read(given)
    if isinstance(found, Refusal):
        _refused(found)
    else:
        _check(found, ", ".join(file.name for file in given), follow)


def _refused(refusal: Refusal) -> None:
    """Why this cannot be used, above the choices, with which it might."""
    st.error(
        f"{literal(refusal.what)} {literal(refusal.remedy)}",
        title=literal(f"This cannot be used: {refusal.where}"),
        icon=":material/error:",
    )
    before = st.session_state["upload"]["before"]
    if before is not None:  # a choice was wrong, not the file
        st.button("Back to the choices before", on_click=_set_options, args=(before,), key="upload_back")
    if type(refusal.options) is not Options:  # the files are of a kind that can be read in more than one way
        upload_options.form(refusal.options, refusal.choices, _stamp(), True, _choose)


def _read(files: Sequence[Any]) -> Reading | Refusal:
    """What the files hold, read once for each set of choices."""
    state = st.session_state.setdefault("upload", {})
    ids = [file.file_id for file in files]
    if state.get("ids") != ids:
        state.clear()
        state |= {"ids": ids, "options": {}, "before": None, "times": 0}
    if "found" not in state:
        bar = st.progress(0.0, "Reading and checking…")

        def show(share: float) -> None:
            bar.progress(min(share, 1.0))

        try:
            state["found"] = read([Given(file.name, file) for file in files], state["options"], show)
        except InputError as error:
            state["found"] = error if isinstance(error, Refusal) else Refusal(error, Options(), {})
        bar.empty()
        state["times"] += 1
    return state["found"]


def _choose(changed: dict[str, Any]) -> None:
    """Read again with some choices changed; what was not chosen is guessed anew."""
    _set_options(st.session_state["upload"]["options"] | changed)


def _set_options(options: dict[str, Any]) -> None:
    """Read again with other choices."""
    state = st.session_state["upload"]
    found = state.pop("found", None)
    state["before"] = state["options"] if isinstance(found, Reading) else None
    state["options"] = options


def _stamp() -> str:
    """Begins the keys of widgets: others for other files, and after each reading, so that they show what was guessed by it."""
    state = st.session_state["upload"]
    return f"{hash(tuple(state['ids']))}_{state['times']}"


def _check(reading: Reading, source: str, follow: Callable[[SideName], None]) -> None:
    names = [p.name for p in reading.populations]
    labelled = [p.name for p in reading.populations if p.labels is not None]
    stamp = str(hash(tuple(st.session_state["upload"]["ids"])))
    with st.container(horizontal=True):
        first = st.selectbox("Use as source", [*labelled, KEEP], key=f"upload_source_{stamp}", help="A source needs labels.")
        rest = [name for name in names if name != first]
        second = st.selectbox("Use as target", [*rest, KEEP], key=f"upload_target_{stamp}", help="A target may be without labels.")
    upload_check.show(reading, [name for name in (first, second) if name != KEEP] or names[:2], stamp)
    upload_options.form(reading.options, reading.choices, _stamp(), False, _choose)
    with st.container(horizontal=True, vertical_alignment="center"):
        use = st.button(
            "Use",
            type="primary",
            icon=":material/check:",
            key="upload_use",
            on_click=_use,
            args=(reading, source, {"source": first, "target": second}, follow),
            disabled=first == second == KEEP,
        )
        st.caption(f"Stores {literal(', '.join(names))} in {literal(str(own.folder()))}.")
    refused = st.session_state.pop("upload_refused", None)
    if refused:
        st.error(f"{literal(refused.what)} {literal(refused.remedy)}", title="This was not stored", icon=":material/error:")
        _stored()
    elif use:
        st.rerun()


def _use(reading: Reading, source: str, chosen: dict[str, str], follow: Callable[[SideName], None]) -> None:
    """Store every domain, and choose two of them; the rest of the question follows."""
    try:
        stored = {entry.name: entry for entry in own.keep(reading, source)}
    except InputError as error:
        st.session_state["upload_refused"] = error
        return
    state = st.session_state
    for side, name in chosen.items():
        if name != KEEP:
            state[side] = f"own:{stored[name].digest}"
            state.update(shifts.values(side, []))
    state.pop("upload", None)
    follow("target" if chosen["source"] == KEEP else "source")


def _samples() -> None:
    st.markdown("**No file at hand? Download one and give it above**")
    with st.container(horizontal=True):
        for sample in SAMPLE_FILES:
            st.download_button(
                sample.title,
                sample.make,
                sample.name,
                key=f"sample_{sample.name}",
                icon=":material/download:",
                on_click="ignore",
                help=f"{sample.name}: {sample.summary}",
            )


def _stored() -> None:
    """What is stored, each with a button that deletes it."""
    stored = own.entries()
    if not stored:
        return
    st.markdown(f"**On this machine now: {len(stored)} data sets, {sum(entry.bytes for entry in stored) / 1e6:,.1f} MB**")
    names = own_names()
    for entry in stored:
        with st.container(horizontal=True, vertical_alignment="center", key=f"stored_{entry.digest}"):
            st.button("Delete", key=f"delete_{entry.digest}", icon=":material/delete:", on_click=_delete, args=(entry.digest,))
            labels = f"{len(entry.class_names)} classes" if entry.counts else "no labels"
            st.caption(
                f"**{literal(names[entry.digest])}** · {entry.n:,} samples, {labels}, {entry.bytes / 1e6:,.1f} MB "
                f"· from {literal(entry.source)}"
            )


def _delete(digest: str) -> None:
    try:
        own.delete(digest)
    except InputError:
        return  # another window was faster
    for side in ("source", "target"):
        if st.session_state.get(side) == f"own:{digest}":
            del st.session_state[side]
