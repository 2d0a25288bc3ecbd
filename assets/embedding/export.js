// What is seen as a PNG or an SVG, and the coordinates as CSV. All made here, nothing leaves the browser but the file.

import { drawMark } from "./canvas2d.js";
import { regionPixels } from "./decision-regions.js";
import { drawLabel, measureLabels, placeLabels } from "./labels.js";
import { paint, paintOutlines } from "./overlay.js";
import { BYTES_PER_STYLE, FILLED, RING, css } from "./palette.js";
import { confidenceOf, positionAt, predictedClass, trueClass } from "./payload.js";
import { ask } from "./server.js";
import { scaleOf, toPixel } from "./view.js";

const GAP = 16;
const HEAD = 26; // pixels for a title
const FOOT = 24; // for a caption

/** Saves as "png", "svg" or "csv"; `shots`: [{pane, blend}] of the visible panes. */
export async function saveAs(kind, data, panes, scene) {
  const shots = panes.map((shot) => ({ ...shot, title: shot.pane.title.textContent, caption: shot.pane.caption.textContent }));
  const frames = [...new Set(shots.map(({ blend }) => Math.round(blend.from + blend.mix)))];
  const name = `shiftscope-${data.identity.split("-").slice(0, 2).join("-")}-${data.titles[frames.at(-1)].replace(" ", "-")}.${kind}`;
  if (kind === "png") download(await toPNG(shots, scene), "image/png", name);
  else if (kind === "svg") download(toSVG(shots, scene), "image/svg+xml", name);
  else download(toCSV(data, frames), "text/csv", name);
}

/** The program that draws this map again, which the server writes. */
export async function saveScript(address, data, frame) {
  const answer = await ask(`map/${address}/script.py?epoch=${data.epochs[frame]}`);
  download(await answer.text(), "text/x-python", `shiftscope-${data.identity.split("-").slice(0, 2).join("-")}.py`);
}

async function toPNG(shots, scene) {
  const scale = 2;
  const canvas = document.createElement("canvas");
  const { width, height, places } = layOut(shots);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  drawAll(context, shots, scene, places, width, height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

export function toSVG(shots, scene) {
  const { width, height, places } = layOut(shots);
  const context = new SvgContext();
  drawAll(context, shots, scene, places, width, height);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
    + `font-family="sans-serif">${context.parts.join("\n")}</svg>\n`;
}

/** One line per sample and frame, with a heading. */
export function toCSV(data, frames) {
  const name = (label) => (label < 0 ? "" : data.classNames[label]);
  const lines = ["epoch,sample,domain,true_class,predicted_class,confidence,x,y"];
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

// A spreadsheet takes a cell that begins with one of these signs for a formula.
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function download(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function layOut(shots) {
  let x = 0;
  const places = shots.map(({ pane }) => {
    const place = { x, y: HEAD };
    x += pane.box.width + GAP;
    return place;
  });
  return { width: x - GAP, height: HEAD + Math.max(...shots.map(({ pane }) => pane.box.height)) + FOOT, places };
}

function drawAll(context, shots, scene, places, width, height) {
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

function drawGround(context, { data, view, theme }, box, frame) {
  const picture = document.createElement("canvas");
  picture.width = picture.height = data.grid;
  const pixels = regionPixels(data, frame, theme);
  const upright = new ImageData(data.grid, data.grid); // the grid's first row is its lowest
  for (let row = 0; row < data.grid; row += 1) {
    upright.data.set(pixels.subarray(4 * row * data.grid, 4 * (row + 1) * data.grid), 4 * (data.grid - 1 - row) * data.grid);
  }
  picture.getContext("2d").putImageData(upright, 0, 0);
  const [x, y] = toPixel(view, box, -1, 1);
  const side = 2 * scaleOf(view, box);
  context.drawImage(picture, x, y, side, side);
}

function drawPoints(context, scene, box, blend) {
  const { data, view, radius, theme } = scene;
  const style = scene.looks(Math.round(blend.from + blend.mix)).bytes;
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

function drawLabels(context, scene, box, blend) {
  const { data, view, theme, onlyClass } = scene;
  const measured = measureLabels(document.createElement("canvas").getContext("2d"), data, theme.font);
  for (const { class: label, x, y } of placeLabels(data, box, view, blend, onlyClass, measured)) {
    drawLabel(context, measured[label], label, x, y, theme);
  }
}

function write(context, text, x, y, font, colour, align = "left") {
  Object.assign(context, { font, textAlign: align, fillStyle: css(colour) });
  context.fillText(text, x, y);
}

// "rgb(1 2 3 / 0.5)" as the attributes that drawing programs know.
function ink(kind, colour) {
  const [, channels, alpha] = /^rgb\(([\d. ]+?)(?: \/ ([\d.]+))?\)$/.exec(colour) ?? [];
  return channels ? `${kind}="rgb(${channels.split(" ").join(",")})"${alpha ? ` ${kind}-opacity="${alpha}"` : ""}` : `${kind}="${colour}"`;
}

// The part of a 2-D context that is used above and in overlay.js, written down as SVG. Only translations, no other transforms.
class SvgContext {
  constructor() {
    Object.assign(this, { parts: [], d: "", dash: [], at: [0, 0], stack: [], clips: 0, globalAlpha: 1, lineWidth: 1, lineJoin: "miter" });
  }

  save() { this.stack.push({ at: [...this.at], open: this.clipped ?? false }); this.clipped = false; }

  restore() {
    if (this.clipped) this.parts.push("</g>");
    const { at, open } = this.stack.pop();
    this.at = at;
    this.clipped = open;
  }

  translate(x, y) { this.at = [this.at[0] + x, this.at[1] + y]; }

  beginPath() { this.d = ""; }

  point(x, y) { return `${(x + this.at[0]).toFixed(1)} ${(y + this.at[1]).toFixed(1)}`; }

  moveTo(x, y) { this.d += `M${this.point(x, y)}`; }

  lineTo(x, y) { this.d += `${this.d ? "L" : "M"}${this.point(x, y)}`; }

  closePath() { this.d += "Z"; }

  rect(x, y, w, h) { this.d += `M${this.point(x, y)}L${this.point(x + w, y)}L${this.point(x + w, y + h)}L${this.point(x, y + h)}Z`; }

  arc(x, y, r) { // a whole circle is all that is asked for
    const size = r.toFixed(1);
    this.d += `M${this.point(x - r, y)}a${size} ${size} 0 1 0 ${(2 * r).toFixed(1)} 0a${size} ${size} 0 1 0 ${(-2 * r).toFixed(1)} 0Z`;
  }

  clip() {
    this.clips += 1;
    this.clipped = true;
    this.parts.push(`<clipPath id="clip${this.clips}"><path d="${this.d}"/></clipPath><g clip-path="url(#clip${this.clips})">`);
  }

  setLineDash(dash) { this.dash = dash; }

  fill() { this.path(ink("fill", this.fillStyle)); }

  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.path(`fill="none" ${ink("stroke", this.strokeStyle)} stroke-width="${this.lineWidth}" stroke-linejoin="${this.lineJoin}"${dash}`);
  }

  path(paintWith) {
    if (!this.d) return;
    const alpha = this.globalAlpha < 1 ? ` opacity="${this.globalAlpha.toFixed(2)}"` : "";
    this.parts.push(`<path d="${this.d}" ${paintWith}${alpha}/>`);
  }

  fillRect(x, y, w, h) { this.beginPath(); this.rect(x, y, w, h); this.fill(); }

  strokeRect(x, y, w, h) { this.beginPath(); this.rect(x, y, w, h); this.stroke(); }

  drawImage(picture, x, y, width, height) {
    const [left, top] = this.point(x, y).split(" ");
    this.parts.push(`<image x="${left}" y="${top}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" href="${picture.toDataURL()}"/>`);
  }

  fillText(text, x, y) {
    const [, weight = "400", size] = /^(\d{3} )?(\d+)px/.exec(this.font);
    const anchor = this.textAlign === "center" ? "middle" : "start";
    const [tx, ty] = this.point(x, y).split(" ");
    const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    this.parts.push(`<text x="${tx}" y="${ty}" font-size="${size}" font-weight="${weight.trim()}" text-anchor="${anchor}" `
      + `${ink("fill", this.fillStyle)}>${escaped}</text>`);
  }
}
