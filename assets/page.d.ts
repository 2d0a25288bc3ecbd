// What the scripts find on the page, for `tsc`: pages/elements/script.py puts embedding/server.js before chart.js and pulse.js, and chart.js
// loads Plotly itself. Maps, charts and the pulse tell each other of epochs by events.

declare const addressOf: typeof import("./embedding/server.js").addressOf;

interface WindowEventMap {
  "shiftscope-pulse": CustomEvent<{ run: string }>;
  "shiftscope-epoch": CustomEvent<{ epoch: number }>;
  "shiftscope-go": CustomEvent<{ epoch: number }>;
  "shiftscope-where": CustomEvent;
}

interface PlotlyAxis { l2p(value: number): number; _length: number }

/** A plot's element, with what Plotly has put on it. */
interface PlotElement extends HTMLElement {
  _fullLayout?: { xaxis?: PlotlyAxis; _size: { l: number; t: number; h: number } };
  calcdata?: { length: number; [first: number]: { trace?: { visible?: boolean | string } } }[];
  on(event: string, handler: (event: { points: { x: number; pointIndex: number | number[] }[] }) => void): void;
}

interface Plotly {
  Icons: { camera: object };
  Plots: { resize(element: HTMLElement): Promise<void> };
  react(element: HTMLElement, data: object[], layout: object, config: object): Promise<void>;
  purge(element: HTMLElement): void;
  downloadImage(element: HTMLElement, options: object): Promise<string>;
}

interface Window { Plotly?: Plotly }
