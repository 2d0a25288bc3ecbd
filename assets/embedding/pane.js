// One map: its points and what lies over them. It draws only when something that it shows has changed,
// so the "before" beside a moving "after" costs nothing.

import { Canvas2DRenderer } from "./canvas2d.js";
import { context2d, find, make } from "./dom.js";
import { isEmpty, paint } from "./overlay.js";
import { MEANING, verdict } from "./quality.js";
import { giveBack, takeRenderer } from "./webgl-pool.js";

/** @import { MapData } from "./payload.js" */
/** @import { Answer } from "./quality.js" */
/** @import { Style } from "./style-cache.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Blend } from "./timeline.js" */
/** @import { Box, Place, View } from "./view.js" */
/** @import { WebGLRenderer } from "./webgl.js" */

/** What both panes share.
 * @typedef {object} Scene
 * @property {MapData} data
 * @property {View} view
 * @property {Theme} theme
 * @property {number} dpr pixels of the screen to one of CSS
 * @property {number} radius of a point
 * @property {{ contours: boolean, arrows: boolean }} show
 * @property {number[]} trails points whose trails are drawn
 * @property {{ index: number, strong: boolean }[]} marked points with a ring
 * @property {number} [onlyClass] the legend's filter
 * @property {Place[] | null} [path] of a lasso in hand
 * @property {number} stamp rises when the look of points or overlay changes
 * @property {(frame: number) => Style} looks
 */
/** @typedef {Scene & { box: Box }} PaneScene */

/** What draws the points of a pane, with outlines and labels: WebGL2, or a 2-D canvas where there is none.
 * @typedef {object} Renderer
 * @property {string} name
 * @property {HTMLCanvasElement} canvas
 * @property {boolean} dressed whether it draws outlines and labels already
 * @property {() => void} [dress] makes what it needs for them
 * @property {(data: MapData) => void} setData
 * @property {(scene: PaneScene, blend: Blend, looks: [from: Style, to: Style]) => void} draw fills the canvas
 */

export class Pane {
  /** `onStale` is called when the pane should be drawn once more.
   * @param {HTMLElement} figure @param {() => void} onStale */
  constructor(figure, onStale) {
    this.onStale = onStale;
    this.plot = find(figure, ".plot", HTMLElement);
    this.title = find(figure, ".title", HTMLElement);
    this.caption = find(figure, "figcaption", HTMLElement);
    this.quality = find(figure, ".quality", HTMLElement);
    this.quality.title = MEANING;
    this.points = find(figure, ".points", HTMLCanvasElement);
    this.over = find(figure, ".overlay", HTMLCanvasElement);
    this.context = context2d(this.over);
    /** @type {Box} */
    this.box = { width: 0, height: 0 };
    this.dpr = 1;
    /** @type {Renderer | null} */
    this.renderer = null;
    /** The renderer again, if it is one to be given back. @type {WebGLRenderer | null} */
    this.lent = null;
    /** @type {MapData | null} */
    this.data = null;
    this.stretched = false;
    this.disposed = false;
    this.drawn = "";
    this.listening = new AbortController();
  }

  /** Gets ready to draw: with WebGL2, or on a 2-D canvas where there is none or where its driver refuses our shaders.
   * @type {() => Renderer} */
  start() {
    if (this.renderer) return this.renderer;
    const lent = takeRenderer();
    if (!lent) return (this.renderer = new Canvas2DRenderer(this.points));
    this.lent = this.renderer = lent;
    const { canvas } = lent;
    for (const { name, value } of this.points.attributes) canvas.setAttribute(name, value);
    this.points.replaceWith(canvas);
    this.points = canvas;
    const { signal } = this.listening;
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault(), { signal });
    canvas.addEventListener("webglcontextrestored", () => { lent.restore(); this.drawn = ""; this.onStale(); }, { signal });
    return lent;
  }

  /** Takes the size that the page gives it; true if it changed.
   * @type {(height: number, dpr: number) => boolean} */
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

  /** Title, caption, and how far the map can be trusted, once that is known.
   * @type {(title?: string, caption?: string, quality?: Answer) => void} */
  tell(title = "", caption = "", quality = undefined) {
    const [words, warning] = verdict(quality);
    this.title.textContent = title;
    this.caption.textContent = caption;
    this.quality.replaceChildren(...(warning ? [make("strong", "", `⚠ ${warning}`), " "] : []), words);
  }

  dispose() {
    this.disposed = true;
    this.listening.abort();
    if (!this.lent) return;
    this.points.replaceWith(this.points.cloneNode());
    giveBack(this.lent);
  }

  /** Draws if anything has changed since; true if it did.
   * @type {(scene: Scene, blend: Blend) => boolean} */
  draw(scene, blend) {
    const { view } = scene;
    const now = [scene.data.version, scene.stamp, blend.from, blend.to, blend.mix, view.x, view.y, view.zoom, scene.path?.length].join(" ");
    if (now === this.drawn || this.box.width === 0) return false;
    this.drawn = now;
    const renderer = this.start();
    this.stretch();
    if (this.data !== scene.data) {
      this.data = scene.data;
      renderer.setData(scene.data);
    }
    const own = { ...scene, box: this.box };
    renderer.draw(own, blend, [scene.looks(blend.from), scene.looks(blend.to)]);
    if (!renderer.dressed) {
      requestAnimationFrame(() => {
        if (this.disposed || renderer.dressed) return;
        renderer.dress?.();
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
