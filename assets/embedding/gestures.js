// Pointer, wheel, touch and keys, turned into what the map should do.
// The page's own scrolling stays the page's: the wheel zooms with Ctrl or ⌘ only, one finger scrolls, two fingers zoom.
// With the lasso or the box in hand a drag selects, by mouse or by finger; so does Shift and a drag without them.

import { boxPath } from "./selection.js";

const CLICK_SLACK = 4; // pixels a hand moves while it clicks
const CLOSEST = 3; // pixels between two corners of a lasso

/** `act` has locate, tool, zoom, pan, path, choose, hover, leave, click, reset, rest and hint. Everything is unbound by `signal`. */
export function bindPointer(stage, act, signal) {
  const on = (type, handler, options = {}) => stage.addEventListener(type, handler, { signal, ...options });
  let drag = null;
  let pinch = null;
  let last = null; // where the last click was: a captured pointer's double-click says only that it was on the stage

  on("wheel", (event) => {
    const place = act.locate(event);
    if (!place) return;
    if (!event.ctrlKey && !event.metaKey) {
      act.hint(`${navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl"} + scroll to zoom`);
      return;
    }
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    act.zoom(place, Math.exp((-event.deltaY * lines) / 300));
  }, { passive: false });

  on("pointerdown", (event) => {
    const place = act.locate(event);
    if (!place || event.button !== 0) return;
    stage.focus({ preventScroll: true });
    last = place;
    const tool = act.tool() === "pan" && event.shiftKey ? "box" : act.tool();
    const touch = event.pointerType === "touch";
    drag = { ...place, x0: place.x, y0: place.y, moved: false, tool, path: [[place.x, place.y]], scrolls: touch && tool === "pan" };
    // A finger that starts to scroll belongs to the page; everything else stays with the map.
    if (!drag.scrolls) stage.setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
    if (!drag) {
      const place = act.locate(event);
      if (place) act.hover(place);
      else act.leave();
      return;
    }
    if (pinch) return;
    const place = act.locate(event, drag.pane);
    if (Math.hypot(place.x - drag.x0, place.y - drag.y0) > CLICK_SLACK) drag.moved = true;
    if (!drag.moved || drag.scrolls) return;
    if (drag.tool === "pan") {
      act.pan(place, place.x - drag.x, place.y - drag.y);
      [drag.x, drag.y] = [place.x, place.y];
    } else {
      trace(drag, [place.x, place.y]);
      act.path({ pane: drag.pane, corners: drag.path });
    }
  });
  on("pointerup", (event) => {
    if (drag && !pinch) {
      const how = event.altKey ? "remove" : event.shiftKey ? "add" : "replace";
      if (!drag.moved) act.click(drag, how);
      else if (drag.tool !== "pan") act.choose(drag, drag.path, how);
    }
    finish();
  });
  on("pointercancel", () => finish());
  on("pointerleave", () => { if (!drag) act.leave(); });
  on("dblclick", () => { if (last && act.tool() === "pan") act.reset(); });

  on("touchstart", (event) => {
    pinch = event.touches.length === 2 ? grip(event) : null;
    if (pinch) act.path(null);
  }, { passive: true });
  on("touchmove", (event) => {
    if (!pinch || event.touches.length !== 2) return;
    event.preventDefault();
    const next = grip(event);
    if (!next) return;
    act.pan(next, next.x - pinch.x, next.y - pinch.y);
    act.zoom(next, next.spread / pinch.spread);
    pinch = next;
  }, { passive: false });
  on("touchend", (event) => { if (event.touches.length === 0) pinch = null; });

  function finish() {
    drag = null;
    act.path(null);
    act.rest();
  }

  function grip(event) {
    const [a, b] = event.touches;
    const middle = { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2, target: event.target };
    const place = act.locate(middle, pinch?.pane);
    return place && { ...place, spread: Math.max(Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), 1) };
  }
}

function trace(drag, corner) {
  if (drag.tool === "box") drag.path = boxPath(drag.path[0], corner);
  else if (Math.hypot(corner[0] - drag.path.at(-1)[0], corner[1] - drag.path.at(-1)[1]) >= CLOSEST) drag.path.push(corner);
}

/** Calls `keys[event.key]` unless a control with keys of its own has the focus. */
export function bindKeys(root, keys, signal) {
  root.addEventListener("keydown", (event) => {
    const own = event.target.closest("select, input, button, summary");
    const handler = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!handler || event.ctrlKey || event.metaKey || event.altKey || (own && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    handler();
  }, { signal });
}
