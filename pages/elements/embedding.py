"""The embedding canvas: source and target points of every epoch, drawn and moved by our own script in the browser.

This module mounts the element and reads what the user chose on it. The element fetches its data itself from
`pages.elements.routes`; what the user sees and does is in ``assets/embedding``; all mathematics is in ``core``.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Literal

import numpy as np
from streamlit.components.v2 import component

from pages.elements.script import ASSETS, with_server

_FOLDER = ASSETS / "embedding"
LONGEST_SELECTION = 4000  # characters; 20,000 points need 3,334


@dataclass(frozen=True)
class Chosen:
    """What the user has come to rest on: an epoch, None as long as they follow the newest one, and selected points (text, "" for none)."""

    epoch: int | None
    selection: str


def embedding(
    address: str,
    *,
    key: str,
    of: str,
    version: str,
    mode: Literal["pair", "single"],
    alt: str,
    epoch: int | None = None,
    selection: str = "",
    run: str | None = None,
    follow: bool = False,
    height: int = 420,
    export: bool = False,
    perform: bool = False,
) -> Chosen:
    """Show the map at ``address`` and keep zoom, colouring, filters, selection and epoch while its data grow.

    Parameters
    ----------
    address : str
        From `routes.address_of` or `routes.publish`.
    key, of : str
        The element's place on the page, and the run or question that it shows: another one begins with a fresh element.
    version : str
        The data are asked for again when it changes.
    mode : "pair" or "single"
        The first epoch beside the chosen one, or one map that moves.
    alt : str
        What a reader who can't see the map should know.
    epoch, selection : optional
        With what the element begins; later the user's own choice counts.
    run : str, optional
        The id of the run whose pulse announces new epochs.
    follow : bool
        Move on to each new epoch, until the user chooses another.
    height : int
        Height of one map in CSS pixels, without title, caption and controls.
    export : bool
        The server can write a script for this map, and judge its quality.
    perform : bool
        Run once through all epochs, from the first to the last, unless the reader wants no motion or the link names an epoch.
    """
    mount = {
        "key": key,
        "address": address,
        "version": version,
        "mode": mode,
        "alt": alt,
        "epoch": epoch,
        "selection": selection,
        "run": run,
        "follow": follow,
        "height": height,
        "export": export,
        "perform": perform,
    }
    state = _component(key=f"{key}_{of}", data=json.dumps(mount), on_epoch_change=_quiet, on_selection_change=_quiet)
    # Until the user has chosen anything, what the element began with.
    chosen, text = state.get("epoch"), state.get("selection")
    number = epoch if chosen is None else int(chosen)
    return Chosen(None if number is None or number < 0 else number, selection if text is None else str(text))


def read_selection(text: str, count: int) -> np.ndarray:
    """The rising indices of selected points out of ``count``; none where the text (a hand-edited link) makes no sense.

    ``b…``: a bit for each point, lowest first, as URL-safe base64. ``i…``: differences in base 36, separated by dots.
    `assets/embedding/selection.js` writes whichever is shorter.
    """
    found = np.zeros(0, np.int64)
    if len(text) > LONGEST_SELECTION:
        return found
    if re.fullmatch(r"b[A-Za-z0-9_-]+", text) and len(text) % 4 != 2:  # no base64 has that length: a link that lost its end
        packed = np.frombuffer(urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4)), np.uint8)
        found = np.flatnonzero(np.unpackbits(packed, bitorder="little"))
    elif re.fullmatch(r"i[0-9a-z]{1,6}(\.[0-9a-z]{1,6})*", text):
        found = np.cumsum([int(part, 36) for part in text[1:].split(".")])
    return np.unique(found[found < count])


def modules() -> dict[str, bytes]:
    """The element's ES modules by file name, as `routes` serves them; Node tests the same files."""
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.glob("*.js"))}


def loading_order(first: str) -> list[str]:
    """All modules' file names: ``first`` and what it imports, then the others. A browser loads few files at a time."""
    texts = {name: text.decode() for name, text in modules().items()}
    order = [first]
    for name in order:
        order += [found for found in re.findall(r'^import .* from "\./(.+?)"', texts[name], re.MULTILINE) if found not in order]
    return order + [name for name in texts if name not in order]


VERSION = hashlib.sha256(b"".join(modules().values())).hexdigest()[:16]

# Streamlit sends a component's script with each of its messages. This one is a few lines that load the real ones, once and together.
# Shaders are compiled while most of them are still on their way.
_LOADER = """
const at = (name) => addressOf(`embedding/VERSION/${name}`);
for (const name of NAMES) {
  document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href: at(name) }));
}
import(at("webgl-pool.js"));
const loading = import(at("element.js"));
export default function (component) {
  let leave, left = false;
  loading.then((element) => { if (!left) leave = element.default(component); });
  return () => { left = true; leave?.(); };
}
""".replace("VERSION", VERSION).replace("NAMES", json.dumps(loading_order("webgl-pool.js")))

_component = component(
    "shiftscope_embedding",
    html=(_FOLDER / "embedding.html").read_text("utf-8"),
    css=(_FOLDER / "embedding.css").read_text("utf-8"),
    js=with_server(_LOADER),
)


def _quiet() -> None:
    """Declares a state; the page reads it from what `embedding` returns."""
