// What is seen as a PNG or an SVG, and the coordinates as CSV. All made here, nothing leaves the browser but the file.

import { drawMark } from "./canvas2d.js";
import { regionPixels } from "./decision-regions.js";
import { context2d } from "./dom.js";
import { drawLabel, measureLabels, placeLabels } from "./labels.js";
import { paint, paintOutlines } from "./overlay.js";
import { BYTES_PER_STYLE, FILLED, RING, css } from "./palette.js";
import { confidenceOf, positionAt, predictedClass, trueClass } from "./payload.js";
import { ask } from "./server.js";
import { scaleOf, toPixel } from "./view.js";

/** @import { Saved } from "./controls.js" */
/** @import { Pen } from "./overlay.js" */
/** @import { Scene } from "./pane.js" */
/** @import { MapData } from "./payload.js" */
/** @import { Colour } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Shot } from "./tooltip.js" */
/** @import { Box, Place } from "./view.js" */

/** @typedef {{ pane: { box: Box }, blend: Blend, title: string, caption: string }} Picture one pane with its words */
/** @typedef {{ width: number, height: number, places: { x: number, y: number }[] }} Layout */

const GAP = 16;
const HEAD = 26; // pixels for a title
const FOOT = 24; // for a caption

/** Saves what the visible panes show.
 * @type {(kind: Exclude<Saved, "script">, data: MapData, panes: Shot[], scene: Scene) => Promise<void>} */
export async function saveAs(kind, data, panes, scene) {
  const shots = panes.map((shot) => ({ ...shot, title: shot.pane.title.textContent, caption: shot.pane.caption.textContent }));
  const frames = [...new Set(shots.map(({ blend }) => Math.round(blend.from + blend.mix)))];
  const name = `shiftscope-${data.identity.split("-").slice(0, 2).join("-")}-${data.titles[frames[frames.length - 1]].replace(" ", "-")}.${kind}`;
  if (kind === "png") await savePNG(shots, scene, name);
  else if (kind === "svg") download(toSVG(shots, scene), "image/svg+xml", name);
  else download(toCSV(data, frames), "text/csv", name);
}

/** The program that draws this map again, which the server writes.
 * @type {(address: string, data: MapData, frame: number) => Promise<void>} */
export async function saveScript(address, data, frame) {
  const answer = await ask(`map/${address}/script.py?epoch=${data.epochs[frame]}`);
  download(await answer.text(), "text/x-python", `shiftscope-${data.identity.split("-").slice(0, 2).join("-")}.py`);
}

/** @type {(shots: Picture[], scene: Scene, name: string) => Promise<void>} */
async function savePNG(shots, scene, name) {
  const scale = 2;
  const canvas = document.createElement("canvas");
  const layout = layOut(shots);
  canvas.width = layout.width * scale;
  canvas.height = layout.height * scale;
  const context = context2d(canvas);
  context.scale(scale, scale);
  drawAll(context, shots, scene, layout);
  /** @type {Blob | null} */
  const picture = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  if (!picture) throw new Error("The browser could not make a picture of this size. Make its window smaller.");
  download(picture, "image/png", name);
}

/** @type {(shots: Picture[], scene: Scene) => string} */
export function toSVG(shots, scene) {
  const layout = layOut(shots);
  const { width, height } = layout;
  const context = new SvgContext();
  drawAll(context, shots, scene, layout);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
    + `font-family="sans-serif">${context.parts.join("\n")}</svg>\n`;
}

/** One line per sample and frame, with a heading.
 * @type {(data: MapData, frames: number[]) => string} */
export function toCSV(data, frames) {
  const name = (/** @type {number} */ label) => (label < 0 ? "" : data.classNames[label]);
  const lines = ["epoch,sample,domain,true_class,predicted_class,confidence,x,y"];
  /** @type {Place} */
  const at = [0, 0];
  for (const frame of frames) {
    for (let i = 0; i < data.n; i += 1) {
      const placed = positionAt(data, i, frame, frame, 0, at);
      const place = placed ? at.map((value) => value.toFixed(5)) : ["", ""];
      lines.push([data.epochs[frame], i, data.domain[i] ? "target" : "source", quoted(name(trueClass(data, i))),
        data.judged ? quoted(name(predictedClass(data, i, frame))) : "", data.judged ? confidenceOf(data, i, frame).toFixed(3) : "",
        ...place].join(","));
    }
  }
  return `${lines.join("\r\n")}\r\n`;
}

/** A spreadsheet takes a cell that begins with one of these signs for a formula.
 * @type {(text: string) => string} */
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @type {(content: string | Blob, type: string, name: string) => void} */
function download(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @type {(shots: Picture[]) => Layout} */
function layOut(shots) {
  let x = 0;
  const places = shots.map(({ pane }) => {
    const place = { x, y: HEAD };
    x += pane.box.width + GAP;
    return place;
  });
  return { width: x - GAP, height: HEAD + Math.max(...shots.map(({ pane }) => pane.box.height)) + FOOT, places };
}

/** @type {(context: Pen, shots: Picture[], scene: Scene, layout: Layout) => void} */
function drawAll(context, shots, scene, { width, height, places }) {
  context.fillStyle = css(scene.theme.background);
  context.fillRect(0, 0, width, height);
  shots.forEach(({ pane: { box }, blend, title, caption }, i) => {
    context.save();
    context.translate(places[i].x, places[i].y);
    write(context, title, 0, -9, "600 14px sans-serif", scene.theme.text);
    write(context, caption, 0, box.height + 16, "12px sans-serif", scene.theme.text);
    context.strokeStyle = css(scene.theme.text, 0.25);
    context.lineWidth = 1;
    context.strokeRect(0.5, 0.5, box.width - 1, box.height - 1);
    context.beginPath();
    context.rect(0, 0, box.width, box.height);
    context.clip();
    if (scene.data.grid) drawGround(context, scene, box, Math.round(blend.from + blend.mix));
    drawPoints(context, scene, box, blend);
    if (scene.show.contours) paintOutlines(context, scene, box, blend);
    paint(context, { ...scene, path: null, marked: scene.marked.filter(({ strong }) => strong) }, box, blend);
    drawLabels(context, scene, box, blend);
    context.restore();
  });
}

/** @type {(context: Pen, scene: Scene, box: Box, frame: number) => void} */
function drawGround(context, { data, view, theme }, box, frame) {
  const picture = document.createElement("canvas");
  picture.width = picture.height = data.grid;
  const pixels = regionPixels(data, frame, theme);
  const upright = new ImageData(data.grid, data.grid); // the grid's first row is its lowest
  for (let row = 0; row < data.grid; row += 1) {
    upright.data.set(pixels.subarray(4 * row * data.grid, 4 * (row + 1) * data.grid), 4 * (data.grid - 1 - row) * data.grid);
  }
  context2d(picture).putImageData(upright, 0, 0);
  const [x, y] = toPixel(view, box, -1, 1);
  const side = 2 * scaleOf(view, box);
  context.drawImage(picture, x, y, side, side);
}

/** @type {(context: Pen, scene: Scene, box: Box, blend: Blend) => void} */
function drawPoints(context, scene, box, blend) {
  const { data, view, radius, theme } = scene;
  const style = scene.looks(Math.round(blend.from + blend.mix)).bytes;
  /** @type {Place} */
  const at = [0, 0];
  for (let i = 0; i < data.n; i += 1) {
    if (!positionAt(data, i, blend.from, blend.to, blend.mix, at)) continue;
    const [x, y] = toPixel(view, box, ...at);
    if (x < -9 || y < -9 || x > box.width + 9 || y > box.height + 9) continue;
    const s = i * BYTES_PER_STYLE;
    const fill = style[s + 5];
    context.globalAlpha = style[s + 3] / 255;
    drawMark(context, x, y, (radius * style[s + 6]) / 128, style[s + 4], fill,
      `rgb(${style[s]} ${style[s + 1]} ${style[s + 2]})`, css(theme.background, fill === RING ? 0.35 : fill === FILLED ? 0.9 : 0.6));
  }
  context.globalAlpha = 1;
}

/** @type {(context: Pen, scene: Scene, box: Box, blend: Blend) => void} */
function drawLabels(context, scene, box, blend) {
  const { data, view, theme, onlyClass } = scene;
  const measured = measureLabels(context2d(document.createElement("canvas")), data, theme.font);
  for (const { class: label, x, y } of placeLabels(data, box, view, blend, onlyClass, measured)) {
    drawLabel(context, measured[label], label, x, y, theme);
  }
}

/** @type {(context: Pen, text: string, x: number, y: number, font: string, colour: Colour) => void} */
function write(context, text, x, y, font, colour) {
  Object.assign(context, { font, textAlign: "left", fillStyle: css(colour) });
  context.fillText(text, x, y);
}

/** "rgb(1 2 3 / 0.5)" as the attributes that drawing programs know.
 * @type {(kind: string, colour: string) => string} */
function ink(kind, colour) {
  const [, channels, alpha] = /^rgb\(([\d. ]+?)(?: \/ ([\d.]+))?\)$/.exec(colour) ?? [];
  return channels ? `${kind}="rgb(${channels.split(" ").join(",")})"${alpha ? ` ${kind}-opacity="${alpha}"` : ""}` : `${kind}="${colour}"`;
}

/** A pen that writes SVG. Only translations, no other transforms.
 * @implements {Pen} */
class SvgContext {
  constructor() {
    /** @type {string[]} */
    this.parts = [];
    this.d = "";
    /** @type {number[]} */
    this.dash = [];
    this.at = [0, 0];
    /** @type {{ at: number[], clipped: boolean }[]} */
    this.stack = [];
    this.clips = 0;
    this.clipped = false;
    this.globalAlpha = 1;
    this.lineWidth = 1;
    /** @type {CanvasLineJoin} */
    this.lineJoin = "miter";
    this.font = "";
    /** @type {CanvasTextAlign} */
    this.textAlign = "start";
    this.fillStyle = this.strokeStyle = "";
  }

  save() { this.stack.push({ at: this.at, clipped: this.clipped }); this.clipped = false; }

  restore() {
    if (this.clipped) this.parts.push("</g>");
    const { at, clipped } = this.stack.pop() ?? { at: [0, 0], clipped: false };
    this.at = at;
    this.clipped = clipped;
  }

  /** @type {(x: number, y: number) => void} */
  translate(x, y) { this.at = [this.at[0] + x, this.at[1] + y]; }

  beginPath() { this.d = ""; }

  /** @type {(x: number, y: number) => string} */
  point(x, y) { return `${(x + this.at[0]).toFixed(1)} ${(y + this.at[1]).toFixed(1)}`; }

  /** @type {(x: number, y: number) => void} */
  moveTo(x, y) { this.d += `M${this.point(x, y)}`; }

  /** @type {(x: number, y: number) => void} */
  lineTo(x, y) { this.d += `${this.d ? "L" : "M"}${this.point(x, y)}`; }

  closePath() { this.d += "Z"; }

  /** @type {(x: number, y: number, w: number, h: number) => void} */
  rect(x, y, w, h) { this.d += `M${this.point(x, y)}L${this.point(x + w, y)}L${this.point(x + w, y + h)}L${this.point(x, y + h)}Z`; }

  /** A whole circle, which is all that is asked for. @type {(x: number, y: number, r: number) => void} */
  arc(x, y, r) {
    const size = r.toFixed(1);
    this.d += `M${this.point(x - r, y)}a${size} ${size} 0 1 0 ${(2 * r).toFixed(1)} 0a${size} ${size} 0 1 0 ${(-2 * r).toFixed(1)} 0Z`;
  }

  clip() {
    this.clips += 1;
    this.clipped = true;
    this.parts.push(`<clipPath id="clip${this.clips}"><path d="${this.d}"/></clipPath><g clip-path="url(#clip${this.clips})">`);
  }

  /** @type {(dash: number[]) => void} */
  setLineDash(dash) { this.dash = dash; }

  fill() { this.path(ink("fill", this.fillStyle)); }

  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.path(`fill="none" ${ink("stroke", this.strokeStyle)} stroke-width="${this.lineWidth}" stroke-linejoin="${this.lineJoin}"${dash}`);
  }

  /** @type {(paintWith: string) => void} */
  path(paintWith) {
    if (!this.d) return;
    const alpha = this.globalAlpha < 1 ? ` opacity="${this.globalAlpha.toFixed(2)}"` : "";
    this.parts.push(`<path d="${this.d}" ${paintWith}${alpha}/>`);
  }

  /** @type {(x: number, y: number, w: number, h: number) => void} */
  fillRect(x, y, w, h) { this.beginPath(); this.rect(x, y, w, h); this.fill(); }

  /** @type {(x: number, y: number, w: number, h: number) => void} */
  strokeRect(x, y, w, h) { this.beginPath(); this.rect(x, y, w, h); this.stroke(); }

  /** @type {(picture: HTMLCanvasElement, x: number, y: number, width: number, height: number) => void} */
  drawImage(picture, x, y, width, height) {
    const [left, top] = this.point(x, y).split(" ");
    this.parts.push(`<image x="${left}" y="${top}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" href="${picture.toDataURL()}"/>`);
  }

  /** @type {(text: string, x: number, y: number) => void} */
  fillText(text, x, y) {
    const [, weight = "400", size] = /^(\d{3} )?(\d+)px/.exec(this.font) ?? [];
    const anchor = this.textAlign === "center" ? "middle" : "start";
    const [tx, ty] = this.point(x, y).split(" ");
    const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    this.parts.push(`<text x="${tx}" y="${ty}" font-size="${size}" font-weight="${weight.trim()}" text-anchor="${anchor}" `
      + `${ink("fill", this.fillStyle)}>${escaped}</text>`);
  }
}
