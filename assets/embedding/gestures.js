// Pointer, wheel, touch and keys, turned into what the map should do.
// The page's own scrolling stays the page's: the wheel zooms with Ctrl or ⌘ only, one finger scrolls, two fingers zoom.
// With the lasso or the box in hand a drag selects, by mouse or by finger; so does Shift and a drag without them.

import { boxPath } from "./selection.js";

/** @import { How } from "./selection.js" */
/** @import { Box, Place } from "./view.js" */

/** @typedef {{ pane: number, box: Box, x: number, y: number }} Hand where the hand is, in CSS pixels of a pane */
/** What a map does with a hand.
 * @typedef {object} Actions
 * @property {(event: { clientX: number, clientY: number, target: EventTarget | null }, pane?: number) => Hand | null} locate
 * @property {() => "pan" | "lasso" | "box"} tool
 * @property {(place: Hand, factor: number) => void} zoom
 * @property {(place: Hand, dx: number, dy: number) => void} pan
 * @property {(path: { pane: number, corners: Place[] } | null) => void} path
 * @property {(place: Hand, corners: Place[], how: How) => void} choose
 * @property {() => void} rest
 * @property {(place: Hand) => void} hover
 * @property {() => void} leave
 * @property {(place: Hand, how: How) => void} click
 * @property {() => void} reset
 * @property {(words: string) => void} hint
 */
/** @typedef {Hand & { x0: number, y0: number, moved: boolean, tool: "pan" | "lasso" | "box", path: Place[], scrolls: boolean }} Drag */

const CLICK_SLACK = 4; // pixels a hand moves while it clicks
const CLOSEST = 3; // pixels between two corners of a lasso

/** Everything is unbound by `signal`.
 * @type {(stage: HTMLElement, act: Actions, signal: AbortSignal) => void} */
export function bindPointer(stage, act, signal) {
  /** @type {<K extends keyof HTMLElementEventMap>(type: K, handler: (event: HTMLElementEventMap[K]) => void, options?: { passive?: boolean }) => void} */
  const on = (type, handler, options = {}) => stage.addEventListener(type, handler, { signal, ...options });
  /** @type {Drag | null} */
  let drag = null;
  /** @type {(Hand & { spread: number }) | null} */
  let pinch = null;
  /** Where the last click was: a captured pointer's double-click says only that it was on the stage. @type {Hand | null} */
  let last = null;

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
    if (!place) return;
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

  /** @type {(event: TouchEvent) => (Hand & { spread: number }) | null} */
  function grip(event) {
    const [a, b] = event.touches;
    const middle = { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2, target: event.target };
    const place = act.locate(middle, pinch?.pane);
    return place && { ...place, spread: Math.max(Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), 1) };
  }
}

/** @type {(drag: Drag, corner: Place) => void} */
function trace(drag, corner) {
  if (drag.tool === "box") drag.path = boxPath(drag.path[0], corner);
  else {
    const [x, y] = drag.path[drag.path.length - 1];
    if (Math.hypot(corner[0] - x, corner[1] - y) >= CLOSEST) drag.path.push(corner);
  }
}

/** Calls `keys[event.key]` unless a control with keys of its own has the focus.
 * @type {(root: HTMLElement, keys: Record<string, () => void>, signal: AbortSignal) => void} */
export function bindKeys(root, keys, signal) {
  root.addEventListener("keydown", (event) => {
    const own = event.target instanceof Element && event.target.closest("select, input, button, summary");
    const handler = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!handler || event.ctrlKey || event.metaKey || event.altKey || (own && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    handler();
  }, { signal });
}
