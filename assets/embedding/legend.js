// The legend, whose entries isolate a group.

import { DISC, FILLED, HOLLOW, RING, TRIANGLE, cividis, css, domainLegend, legendOf } from "./palette.js";

/** Fills the legend if it reads differently from `known`, and returns what it reads now: a kept entry must not lose the focus. */
export function showLegend(element, known, data, mode, filters, theme, onChoose) {
  const says = JSON.stringify([mode, filters, theme, legendOf(data, mode, theme), domainLegend(data, mode, theme), data.moved]);
  if (says === known) return says;
  const focused = element.getRootNode().activeElement?.closest?.(".legend button");
  fillLegend(element, data, mode, filters, theme, onChoose);
  if (focused) element.querySelector(`[data-kind="${focused.dataset.kind}"][data-group="${focused.dataset.group}"]`)?.focus();
  return says;
}

function fillLegend(element, data, mode, filters, theme, onChoose) {
  const nodes = legendOf(data, mode, theme).map((entry) => legendButton(entry, filters, onChoose));
  if (mode === "confidence") nodes.push(colourScale("0", "1", theme));
  if (mode === "moved") nodes.push(colourScale("0", `${Math.round(50 * data.moved)} % of the map`, theme));
  const domains = domainLegend(data, mode, theme);
  if (domains.length > 0 && nodes.length > 0) nodes.push(make("span", "split"));
  nodes.push(...domains.map((entry) => legendButton(entry, filters, onChoose)));
  // A filter set in another colouring still holds: it is shown so that it can be taken back.
  for (const [kind, group] of Object.entries(filters)) {
    if (kind === "domain" || kind === mode) continue;
    const title = kind === "outcome" ? ["right", "wrong"][group] ?? "unknown" : `${kind} ${data.classNames[group] ?? "unknown"}`;
    nodes.push(legendButton({ kind, group, title: `only ${title} ✕`, colour: css(theme.text) }, filters, onChoose));
  }
  element.replaceChildren(...nodes);
  element.classList.toggle("filtered", Object.keys(filters).length > 0);
}

function legendButton(entry, filters, onChoose) {
  const button = make("button");
  button.type = "button";
  button.title = `Show only: ${entry.title}`;
  button.dataset.kind = entry.kind;
  button.dataset.group = entry.group;
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

function key(shape, fill, colour) {
  const paint = `fill="${fill === FILLED ? colour : "none"}" stroke="${colour}" stroke-width="${fill === RING ? 2.2 : fill === HOLLOW ? 1.6 : 0}"`;
  const form = shape === TRIANGLE ? `<path d="M6 1.2 11 10.2H1Z" ${paint}/>` : `<circle cx="6" cy="6" r="4.4" ${paint}/>`;
  return `<svg viewBox="0 0 12 12">${form}</svg>`;
}

function colourScale(low, high, theme) {
  const scale = make("span", "scale");
  const stops = [0, 0.25, 0.5, 0.75, 1].map((at) => css(cividis(at, theme).map(Math.round)));
  const bar = make("i");
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  scale.append(low, bar, high);
  return scale;
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
