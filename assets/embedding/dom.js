// The page's elements: found, made, drawn on.

/** The one element under `root` that a selector names; embedding.html has it.
 * @type {<T extends Element>(root: ParentNode, selector: string, kind: new () => T) => T} */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The map's HTML has no ${selector}.`);
  return found;
}

/** All elements under `root` that a selector names.
 * @type {<T extends Element>(root: ParentNode, selector: string, kind: new () => T) => T[]} */
export function all(root, selector, kind) {
  return [...root.querySelectorAll(selector)].flatMap((found) => (found instanceof kind ? [found] : []));
}

/** @type {<K extends keyof HTMLElementTagNameMap>(tag: K, className?: string, text?: string) => HTMLElementTagNameMap[K]} */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** What draws on a canvas, which has no other kind of context yet.
 * @type {(canvas: HTMLCanvasElement, settings?: CanvasRenderingContext2DSettings) => CanvasRenderingContext2D} */
export function context2d(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  return context;
}
