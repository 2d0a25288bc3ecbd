// One map: its points and what lies over them. It draws only when something that it shows has changed,
// so the "before" beside a moving "after" costs nothing.
//
// A scene holds what both panes share: {data, view, theme, dpr, radius, show: {contours, arrows}, trails: [index],
// marked: [{index, strong}], onlyClass, path, stamp, looks(frame)}. `stamp` rises when the look of points or overlay changes.

import { Canvas2DRenderer } from "./canvas2d.js";
import { make } from "./legend.js";
import { isEmpty, paint } from "./overlay.js";
import { MEANING, verdict } from "./quality.js";
import { giveBack, takeRenderer } from "./webgl-pool.js";

export class Pane {
  /** `onStale` is called when the pane should be drawn once more. */
  constructor(figure, onStale) {
    this.onStale = onStale;
    this.figure = figure;
    this.plot = figure.querySelector(".plot");
    this.title = figure.querySelector(".title");
    this.caption = figure.querySelector("figcaption");
    this.quality = figure.querySelector(".quality");
    this.quality.title = MEANING;
    this.points = figure.querySelector(".points");
    this.over = figure.querySelector(".overlay");
    this.context = this.over.getContext("2d");
    this.box = { width: 0, height: 0 };
    this.drawn = "";
    this.listening = new AbortController();
  }

  /** Gets ready to draw: with WebGL2, or on a 2-D canvas where there is none or where its driver refuses our shaders. */
  start() {
    if (this.renderer) return;
    this.renderer = takeRenderer() ?? new Canvas2DRenderer(this.points);
    const { canvas } = this.renderer;
    if (canvas === this.points) return;
    for (const { name, value } of this.points.attributes) canvas.setAttribute(name, value);
    this.points.replaceWith(canvas);
    this.points = canvas;
    const { signal } = this.listening;
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault(), { signal });
    canvas.addEventListener("webglcontextrestored", () => { this.renderer.restore(); this.drawn = ""; this.onStale(); }, { signal });
  }

  /** Takes the size that the page gives it; true if it changed. */
  fit(height, dpr) {
    this.plot.style.height = `${height}px`;
    const { clientWidth: width, clientHeight } = this.plot;
    if (this.box.width === width && this.box.height === clientHeight && this.dpr === dpr) return false;
    this.box = { width, height: clientHeight };
    this.dpr = dpr;
    this.drawn = "";
    this.stretched = false;
    return true;
  }

  /** Gives the canvases the pane's size. Not before there is something to draw: it waits for all that the driver was asked for. */
  stretch() {
    if (this.stretched) return;
    this.stretched = true;
    const { width, height } = this.box;
    for (const canvas of [this.points, this.over]) {
      canvas.width = Math.round(width * this.dpr);
      canvas.height = Math.round(height * this.dpr);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
  }

  /** Title, caption, and how far the map can be trusted, once that is known. */
  tell(title = "", caption = "", quality = undefined) {
    const [words, warning] = verdict(quality);
    this.title.textContent = title;
    this.caption.textContent = caption;
    this.quality.replaceChildren(...(warning ? [make("strong", "", `⚠ ${warning}`), " "] : []), words);
  }

  dispose() {
    this.disposed = true;
    this.listening.abort();
    if (this.renderer?.name !== "webgl2") return;
    this.points.replaceWith(this.points.cloneNode());
    giveBack(this.renderer);
  }

  /** Draws if anything has changed since; true if it did. */
  draw(scene, blend) {
    const { view } = scene;
    const now = [scene.data.version, scene.stamp, blend.from, blend.to, blend.mix, view.x, view.y, view.zoom, scene.path?.length].join(" ");
    if (now === this.drawn || this.box.width === 0) return false;
    this.drawn = now;
    this.start();
    this.stretch();
    if (this.data !== scene.data) {
      this.data = scene.data;
      this.renderer.setData(scene.data);
    }
    const own = { ...scene, box: this.box };
    this.renderer.draw(own, blend, [scene.looks(blend.from), scene.looks(blend.to)]);
    if (!this.renderer.dressed) {
      requestAnimationFrame(() => {
        if (this.disposed || this.renderer.dressed) return;
        this.renderer.dress();
        this.drawn = "";
        this.onStale();
      });
    }
    this.over.hidden = isEmpty(scene);
    if (!this.over.hidden) {
      this.context.setTransform(scene.dpr, 0, 0, scene.dpr, 0, 0);
      this.context.clearRect(0, 0, this.box.width, this.box.height);
      paint(this.context, scene, this.box, blend);
    }
    return true;
  }
}
