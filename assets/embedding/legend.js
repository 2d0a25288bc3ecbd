// The legend, whose entries isolate a group.

import { make } from "./dom.js";
import { DISC, FILLED, HOLLOW, RING, TRIANGLE, cividis, css, domainLegend, kindsOf, legendOf } from "./palette.js";

/** @import { Entry, Filters, Mode } from "./palette.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Theme } from "./theme.js" */

/** Fills the legend if it reads differently from `known`, and returns what it reads now: a kept entry must not lose the focus.
 * @type {(element: HTMLElement, known: string, data: MapData, mode: Mode, filters: Filters, theme: Theme,
 *   onChoose: (entry: Entry) => void) => string} */
export function showLegend(element, known, data, mode, filters, theme, onChoose) {
  const says = JSON.stringify([mode, filters, theme, legendOf(data, mode, theme), domainLegend(data, mode, theme), data.moved]);
  if (says === known) return says;
  const root = element.getRootNode();
  const active = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
  const focused = active instanceof HTMLButtonElement && element.contains(active) ? active : null;
  fillLegend(element, data, mode, filters, theme, onChoose);
  const again = focused && element.querySelector(`[data-kind="${focused.dataset.kind}"][data-group="${focused.dataset.group}"]`);
  if (again instanceof HTMLElement) again.focus();
  return says;
}

/** @type {(element: HTMLElement, data: MapData, mode: Mode, filters: Filters, theme: Theme, onChoose: (entry: Entry) => void) => void} */
function fillLegend(element, data, mode, filters, theme, onChoose) {
  /** @type {HTMLElement[]} */
  const nodes = legendOf(data, mode, theme).map((entry) => legendButton(entry, filters, onChoose));
  if (mode === "confidence") nodes.push(colourScale("0", "1", theme));
  if (mode === "moved") nodes.push(colourScale("0", `${Math.round(50 * data.moved)} % of the map`, theme));
  const domains = domainLegend(data, mode, theme);
  if (domains.length > 0 && nodes.length > 0) nodes.push(make("span", "split"));
  nodes.push(...domains.map((entry) => legendButton(entry, filters, onChoose)));
  // A filter set in another colouring still holds: it is shown so that it can be taken back.
  for (const kind of kindsOf(filters)) {
    const group = filters[kind];
    if (group === undefined || kind === "domain" || kind === mode) continue;
    const title = kind === "outcome" ? ["right", "wrong"][group] ?? "unknown" : `${kind} ${data.classNames[group] ?? "unknown"}`;
    nodes.push(legendButton({ kind, group, title: `only ${title} ✕`, colour: css(theme.text) }, filters, onChoose));
  }
  element.replaceChildren(...nodes);
  element.classList.toggle("filtered", Object.keys(filters).length > 0);
}

/** @type {(entry: Entry, filters: Filters, onChoose: (entry: Entry) => void) => HTMLButtonElement} */
function legendButton(entry, filters, onChoose) {
  const button = make("button");
  button.type = "button";
  button.title = `Show only: ${entry.title}`;
  button.dataset.kind = entry.kind;
  button.dataset.group = String(entry.group);
  button.setAttribute("aria-pressed", String(filters[entry.kind] === entry.group));
  button.classList.toggle("other", filters[entry.kind] === undefined);
  const swatch = entry.shape === undefined && entry.fill === undefined;
  button.innerHTML = swatch ? `<svg viewBox="0 0 12 12"><rect x="1" y="1" width="10" height="10" rx="2.5" fill="${entry.colour}" stroke="none"/></svg>`
    : key(entry.shape ?? DISC, entry.fill, entry.colour);
  const name = make("span");
  name.textContent = entry.title;
  button.append(name);
  button.onclick = () => onChoose(entry);
  return button;
}

/** @type {(shape: number, fill: number | undefined, colour: string) => string} */
function key(shape, fill, colour) {
  const paint = `fill="${fill === FILLED ? colour : "none"}" stroke="${colour}" stroke-width="${fill === RING ? 2.2 : fill === HOLLOW ? 1.6 : 0}"`;
  const form = shape === TRIANGLE ? `<path d="M6 1.2 11 10.2H1Z" ${paint}/>` : `<circle cx="6" cy="6" r="4.4" ${paint}/>`;
  return `<svg viewBox="0 0 12 12">${form}</svg>`;
}

/** @type {(low: string, high: string, theme: Theme) => HTMLElement} */
function colourScale(low, high, theme) {
  const scale = make("span", "scale");
  const stops = [0, 0.25, 0.5, 0.75, 1].map((at) => css(cividis(at, theme).map(Math.round)));
  const bar = make("i");
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  scale.append(low, bar, high);
  return scale;
}
