// WebGL canvases on which the points' shader is compiled already. Without a GPU that takes 30 ms each, while which the canvas can't
// even change its size; so it begins as soon as this module is loaded, before the page has mounted a map and its data have come.
// A map that goes gives its canvases back, and the next one need not compile anything.

import { WebGLRenderer } from "./webgl.js";

const KEPT = 2; // panes of a map; browsers keep about sixteen contexts

/** Renderers that no pane uses. @type {WebGLRenderer[]} */
const spare = [];

/** A renderer on a canvas of its own; null where there is no WebGL2, or its driver refuses our shaders.
 * @type {() => WebGLRenderer | null} */
export function takeRenderer() {
  for (let renderer = spare.shift(); renderer; renderer = spare.shift()) {
    if (!renderer.gl.isContextLost()) return renderer;
  }
  const late = make();
  late?.warm();
  return late;
}

/** Takes a renderer that its pane no longer needs.
 * @type {(renderer: WebGLRenderer) => void} */
export function giveBack(renderer) {
  if (spare.length < KEPT && renderer.rest()) spare.push(renderer);
  else renderer.dispose();
}

/** @type {() => WebGLRenderer | null} */
function make() {
  try {
    return WebGLRenderer.on(document.createElement("canvas"));
  } catch (problem) {
    console.warn(problem);
    return null;
  }
}

// First all are made, then all compile: making one asks the driver, which answers when it has compiled what it was given.
for (let i = 0; i < KEPT; i += 1) {
  const renderer = make();
  if (renderer) spare.push(renderer);
}
for (const renderer of spare) renderer.warm();
