// The HTML around the map: legend, tooltip, and the theme that all parts read.

import { DISC, FILLED, HOLLOW, RING, TRIANGLE, cividis, css, domainLegend, legendOf } from "./palette.js";
import { confidenceOf, predictedClass, trueClass } from "./payload.js";

/** Text, background and muted colours of the app's theme as [r, g, b]. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const text = parseColour(style.getPropertyValue("--st-text-color").trim() || "#31333f");
  const background = parseColour(style.getPropertyValue("--st-background-color").trim() || "#ffffff");
  const muted = text.map((value, channel) => Math.round(value * 0.38 + background[channel] * 0.62));
  return { text, background, muted };
}

function parseColour(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

export function fillLegend(element, data, mode, filters, theme, onChoose) {
  const entries = legendOf(data, mode, theme);
  const nodes = entries.map((entry) => legendButton(entry, filters, onChoose));
  if (mode === "confidence") nodes.push(confidenceScale());
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

function confidenceScale() {
  const scale = make("span", "scale");
  const stops = [0, 0.25, 0.5, 0.75, 1].map((at) => css(cividis(at).map(Math.round)));
  const bar = make("i");
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  scale.append("0", bar, "1");
  return scale;
}

function make(tag, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

/** What is said about one point in a frame: "true 3 → predicted 8 (0.64)". */
export function describe(data, index, frame) {
  const label = trueClass(data, index);
  const name = (value) => data.classNames[value] ?? "unknown";
  const predicted = `predicted ${name(predictedClass(data, index, frame))} (${confidenceOf(data, index, frame).toFixed(2)})`;
  return label < 0 ? `${predicted}, true class not known` : `true ${name(label)} → ${predicted}`;
}

const PICTURE = 72;

export class Tooltip {
  constructor(element) {
    this.element = element;
    this.picture = element.querySelector("canvas");
    this.words = element.querySelector(".words");
  }

  /** Loads the sprite sheet once per address. */
  setSheet(sheet) {
    if (!sheet) this.sheet = null;
    else if (this.sheet?.url !== sheet.url) {
      const image = new Image();
      image.src = new URL(sheet.url.replace(/^\//, ""), appRoot()).href;
      this.sheet = { ...sheet, image };
    }
  }

  show(data, index, frame, firstFrame, x, y, box, pinned) {
    const title = make("b");
    title.textContent = describe(data, index, frame);
    const lines = [title];
    if (firstFrame !== frame) lines.push(small(`${data.titles[firstFrame]}: ${describe(data, index, firstFrame).split("→ ").pop()}`));
    lines.push(small(`${data.domain[index] === 1 ? "▲ target" : "● source"} · #${index}${pinned ? " · pinned" : ""}`));
    this.words.replaceChildren(...lines);
    this.paint(index);
    this.element.classList.toggle("pinned", pinned);
    this.element.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const right = x + 16 + width <= box.width;
    this.element.style.left = `${Math.max(right ? x + 16 : Math.min(x - 16 - width, box.width - width), 0)}px`;
    this.element.style.top = `${Math.min(Math.max(y - height - 14, 0), Math.max(box.height - height, 0))}px`;
  }

  paint(index) {
    const { sheet, picture } = this;
    picture.hidden = !sheet;
    if (!sheet) return;
    const zoom = Math.max(PICTURE / Math.max(sheet.width, sheet.height), 0.01);
    picture.width = sheet.width;
    picture.height = sheet.height;
    picture.style.width = `${Math.round(sheet.width * zoom)}px`;
    picture.style.height = `${Math.round(sheet.height * zoom)}px`;
    const draw = () => {
      const left = (index % sheet.columns) * sheet.width;
      const top = Math.floor(index / sheet.columns) * sheet.height;
      picture.getContext("2d").drawImage(sheet.image, left, top, sheet.width, sheet.height, 0, 0, sheet.width, sheet.height);
    };
    if (sheet.image.complete && sheet.image.naturalWidth > 0) draw();
    else sheet.image.onload = draw;
  }

  hide() {
    this.element.hidden = true;
  }
}

function small(text) {
  const element = make("small");
  element.textContent = text;
  return element;
}

// The app's root, from where Streamlit itself was loaded: right below a base path, behind a proxy and on every page.
function appRoot() {
  const own = performance.getEntriesByType("resource").find((entry) => entry.name.includes("/static/js/"));
  return own ? own.name.slice(0, own.name.indexOf("static/js/")) : document.baseURI;
}
