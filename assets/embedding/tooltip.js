// What is said and shown of one sample: its picture or row, classes, confidence, domain, how far it moved.

import { context2d, find, make } from "./dom.js";
import { confidenceOf, movedBy, positionAt, predictedClass, trueClass } from "./payload.js";
import { addressOf, ask } from "./server.js";
import { toPixel } from "./view.js";

/** @import { Told } from "./interaction.js" */
/** @import { Pane } from "./pane.js" */
/** @import { MapData, Sheet } from "./payload.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Box, Place, View } from "./view.js" */

/** @typedef {{ pane: Pane, blend: Blend }} Shot a visible pane, and what it shows */
/** @typedef {string[] | Float32Array | null} Rows a text for each sample, or numbers one behind the other */

const PICTURE = 72; // pixels
const COLUMNS = 8; // of a row, as in core/maps/packing.py

/** "true 3 → predicted 8 (0.64)"
 * @type {(data: MapData, index: number, frame: number) => string} */
function describe(data, index, frame) {
  const label = trueClass(data, index);
  const name = (/** @type {number} */ value) => data.classNames[value] ?? "unknown";
  if (!data.judged) return label < 0 ? "class not known" : `class ${name(label)}`;
  const predicted = `predicted ${name(predictedClass(data, index, frame))} (${confidenceOf(data, index, frame).toFixed(2)})`;
  return label < 0 ? `${predicted}, true class not known` : `true ${name(label)} → ${predicted}`;
}

/** The lines of a tooltip, the first of which is its title.
 * @type {(data: MapData, index: number, frame: number, first: number, pinned: boolean, rows: Rows) => string[]} */
export function tell(data, index, frame, first, pinned, rows) {
  const lines = [describe(data, index, frame)];
  if (first !== frame) {
    const moved = Math.round(50 * movedBy(data, index, frame));
    lines.push(`${data.titles[first]}: ${describe(data, index, first).split("→ ").pop()} · moved ${moved} % of the map`);
  }
  if (Array.isArray(rows)) lines.push(rows[index]); // a text, or values with the names of their columns
  else if (rows) {
    const width = rows.length / data.n;
    const shown = [...rows.subarray(index * width, (index + 1) * width)].map((value, i) => `x${i} = ${value.toPrecision(3)}`);
    lines.push(shown.join(", ") + (width === COLUMNS ? " …" : ""));
  }
  lines.push(`${data.domain[index] === 1 ? "▲ target" : "● source"} · #${index}${pinned ? " · pinned" : ""}`);
  return lines;
}

export class Tooltip {
  /** `onRows` is called when rows have come, so that what is shown is shown again.
   * @param {HTMLElement} element @param {() => void} onRows */
  constructor(element, onRows) {
    this.element = element;
    this.picture = find(element, "canvas", HTMLCanvasElement);
    this.words = find(element, ".words", HTMLElement);
    this.onRows = onRows;
    /** @type {(Sheet & { image: HTMLImageElement }) | null} */
    this.sheet = null;
    /** Where the rows are. @type {string | null} */
    this.rowsAt = null;
    /** @type {Rows} */
    this.rows = null;
    this.says = "";
    this.size = [0, 0];
  }

  /** Loads the sprite sheet or the rows, once per address.
   * @type {(data: MapData) => void} */
  setSamples({ sheet, rows }) {
    if (!sheet) this.sheet = null;
    else if (this.sheet?.url !== sheet.url) {
      const image = new Image();
      image.src = addressOf(sheet.url);
      this.sheet = { ...sheet, image };
    }
    if (rows === this.rowsAt) return;
    this.rowsAt = rows;
    this.rows = null;
    if (rows) this.load(rows);
  }

  /** @type {(address: string) => Promise<void>} */
  async load(address) {
    try {
      const answer = await ask(address);
      const worded = answer.headers.get("content-type")?.startsWith("application/json");
      const rows = worded ? await answer.json() : new Float32Array(await answer.arrayBuffer());
      if (this.rowsAt === address) this.rows = rows;
      this.onRows();
    } catch {
      this.rowsAt = null; // the next data ask again; the tooltip does without
    }
  }

  /** Stands beside the point that is told of, or goes.
   * @type {(data: MapData, told: Told | null, pinned: Told | null, shots: Shot[], view: View, stage: HTMLElement) => void} */
  follow(data, told, pinned, shots, view, stage) {
    /** @type {Place} */
    const at = [0, 0];
    const shot = told && shots[told.pane];
    if (!shot || told.index >= data.n || !positionAt(data, told.index, shot.blend.from, shot.blend.to, shot.blend.mix, at)) {
      this.element.hidden = true;
      return;
    }
    const { from, mix } = shot.blend;
    const [x, y] = toPixel(view, shot.pane.box, ...at);
    const plot = shot.pane.plot.getBoundingClientRect();
    const bounds = stage.getBoundingClientRect();
    const frame = Math.round(from + mix);
    this.show(data, told.index, frame, 0, x + plot.left - bounds.left, y + plot.top - bounds.top, bounds, told.index === pinned?.index);
  }

  /** `x`, `y` in the stage, whose size is `box`.
   * @type {(data: MapData, index: number, frame: number, first: number, x: number, y: number, box: Box, pinned: boolean) => void} */
  show(data, index, frame, first, x, y, box, pinned) {
    const [title, ...lines] = tell(data, index, frame, first, pinned, this.rows);
    const says = [index, title, ...lines].join("\n");
    if (says !== this.says || this.element.hidden) { // while it only moves, nothing is written
      this.says = says;
      this.words.replaceChildren(make("b", "", title), ...lines.map((line) => make("small", "", line)));
      this.paint(index);
      this.element.classList.toggle("pinned", pinned);
      this.element.hidden = false;
      this.size = [this.element.offsetWidth, this.element.offsetHeight];
    }
    const [width, height] = this.size;
    const right = x + 16 + width <= box.width;
    this.element.style.left = `${Math.max(right ? x + 16 : Math.min(x - 16 - width, box.width - width), 0)}px`;
    this.element.style.top = `${Math.min(Math.max(y - height - 14, 0), Math.max(box.height - height, 0))}px`;
  }

  /** @type {(index: number) => void} */
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
      context2d(picture).drawImage(sheet.image, left, top, sheet.width, sheet.height, 0, 0, sheet.width, sheet.height);
    };
    if (sheet.image.complete && sheet.image.naturalWidth > 0) draw();
    else sheet.image.onload = draw;
  }
}
