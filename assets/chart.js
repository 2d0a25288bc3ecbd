// A live Plotly chart: the plot element is made once, and every new figure goes through Plotly.react.

/** How Streamlit calls a component; `data` is the JSON that pages/elements/chart.py writes.
 * @typedef {{ data: Uint8Array | null, parentElement: HTMLElement, setStateValue: (name: string, value: string) => void }} Called */
/** @typedef {{ key: string, alt: string, revision: string, height: number, cursor: boolean, cells: boolean }} Mount */
/** @typedef {{ data?: object[], layout: { width?: number } }} Figure */

/** By parent element. @type {WeakMap<HTMLElement, Chart>} */
const charts = new WeakMap();
/** That a map on this page has shown. @type {number | null} */
let lastEpoch = null;
/** Milliseconds between a chart's end and its clearing. */
const LAST_WORDS = 2000;

/** @type {(component: Called) => (() => void) | undefined} */
export default function render({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  let chart = charts.get(parentElement);
  if (!chart) {
    const element = parentElement.querySelector(".shiftscope-chart");
    chart = new Chart(/** @type {PlotElement} */ (element));
    charts.set(parentElement, chart);
  }
  chart.pick = (cell) => setStateValue("cell", cell);
  chart.update(data);
  return () => {
    charts.delete(parentElement);
    chart.dispose();
    // What the pointer or a resize has begun goes on inside Plotly for a moment, and must still find its figure.
    setTimeout(() => {
      const taken = charts.get(parentElement)?.element === chart.element; // mounted again: its next figure replaces this one
      if (window.Plotly && !taken) window.Plotly.purge(chart.element);
    }, LAST_WORDS);
  };
}

class Chart {
  /** @param {PlotElement} element */
  constructor(element) {
    this.element = element;
    this.updates = 0;
    this.near = false; // it is seen, or soon will be
    this.frame = 0;
    this.disposed = false;
    /** @type {((cell: string) => void) | null} */
    this.pick = null;
    /** @type {Uint8Array | null} */
    this.bytes = null;
    /** What has not been drawn yet. @type {{ mount: Mount, figure: Figure } | null} */
    this.news = null;
    /** @type {Mount | null} */
    this.mount = null;
    /** @type {object | null} */
    this.config = null;
    element.dataset.updates = "0";
    element.setAttribute("role", "img");
    this.resizer = new ResizeObserver(() => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.resize());
    });
    this.resizer.observe(element);
    // Plotly takes 40 ms for a figure: one that is out of sight is drawn when it is about to be seen.
    this.watcher = new IntersectionObserver(([entry]) => {
      this.near = entry.isIntersecting;
      if (this.near) this.draw();
    }, { rootMargin: "300px" });
    this.watcher.observe(element);
    // The epoch that the map shows, as a line; a click on a curve takes the map there.
    this.cursor = document.createElement("div");
    this.cursor.className = "shiftscope-cursor";
    this.cursor.hidden = true;
    this.listening = new AbortController();
    addEventListener("shiftscope-epoch", ({ detail }) => this.point(detail.epoch), { signal: this.listening.signal });
    dispatchEvent(new CustomEvent("shiftscope-where")); // a map that was there before tells its epoch again
  }

  /** @type {(epoch?: number) => void} */
  point(epoch) {
    if (epoch !== undefined) lastEpoch = epoch;
    const { _fullLayout: full } = this.element;
    if (!this.mount?.cursor || lastEpoch === null || !full?.xaxis) return;
    const x = full.xaxis.l2p(lastEpoch);
    this.cursor.hidden = !(x >= 0 && x <= full.xaxis._length);
    this.cursor.style.transform = `translateX(${full._size.l + x}px)`;
    this.cursor.style.top = `${full._size.t}px`;
    this.cursor.style.height = `${full._size.h}px`;
    this.element.dataset.cursor = this.cursor.hidden ? "" : String(lastEpoch);
  }

  /** @type {(bytes: Uint8Array) => void} */
  update(bytes) {
    // Streamlit calls again with the same bytes when only the theme changed or a neighbour was redrawn.
    if (this.bytes && sameBytes(this.bytes, bytes)) return;
    this.bytes = bytes;
    /** @type {{ mount: Mount, figure: Figure }} */
    const news = JSON.parse(new TextDecoder().decode(bytes));
    const { mount } = news;
    this.news = news;
    this.mount = mount;
    this.element.dataset.key = mount.key;
    this.element.setAttribute("aria-label", mount.alt);
    this.element.style.height = `${mount.height}px`;
    if (this.near) this.draw();
  }

  async draw() {
    if (!this.news) return;
    const { element, bytes, news: { mount, figure } } = this;
    this.news = null;
    let plotly;
    try {
      plotly = await loadPlotly();
    } catch (problem) {
      if (!this.disposed) element.textContent = problem instanceof Error ? problem.message : String(problem);
      return;
    }
    // While the script was loading, a newer figure may have come in, or the page may have gone.
    if (this.disposed || this.bytes !== bytes) return;
    if (this.updates === 0) {
      plotly.purge(element); // a chart that ended here just now has left its figure
      element.textContent = "";
    }
    // One config per element: Plotly redraws from nothing when it is handed a different one.
    this.config ??= configOf(plotly, mount.key);
    const layout = { ...figure.layout, uirevision: mount.revision, autosize: true, height: mount.height };
    delete layout.width;
    await plotly.react(element, figure.data ?? [], layout, this.config);
    if (this.disposed) return;
    if (this.updates === 0 && mount.cursor) this.bindCursor();
    if (this.updates === 0 && mount.cells) this.bindCells();
    this.point();
    this.updates += 1;
    element.dataset.updates = String(this.updates);
    element.dataset.points = String(countPoints(element));
  }

  bindCursor() {
    const { element } = this;
    element.append(this.cursor);
    element.on("plotly_click", ({ points }) => {
      const at = Math.round(points[0]?.x);
      if (at >= 0) dispatchEvent(new CustomEvent("shiftscope-go", { detail: { epoch: at } }));
    });
    element.on("plotly_relayout", () => this.point());
  }

  bindCells() {
    this.element.on("plotly_click", ({ points }) => {
      const at = points[0]?.pointIndex; // [row, column] of a heat map
      if (Array.isArray(at)) this.pick?.(at.join(","));
    });
  }

  async resize() {
    if (this.updates === 0 || this.element.clientWidth === 0) return;
    await window.Plotly?.Plots.resize(this.element);
    this.point();
  }

  dispose() {
    this.disposed = true;
    this.listening.abort();
    this.resizer.disconnect();
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

/** @type {(a: Uint8Array, b: Uint8Array) => boolean} */
function sameBytes(a, b) {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** Counted after Plotly has decoded its typed arrays, so a figure that it could not read shows as 0 points.
 * @type {(element: PlotElement) => number} */
function countPoints(element) {
  return (element.calcdata ?? []).reduce((sum, trace) => sum + (trace[0]?.trace?.visible === false ? 0 : trace.length), 0);
}

const DOWNLOAD_SVG = {
  width: 24,
  height: 24,
  path: "M5 20h14v-2H5v2zM19 9h-4V3H9v6H5l7 7 7-7z",
};

/** @type {(plotly: Plotly, filename: string) => object} */
function configOf(plotly, filename) {
  return {
    displaylogo: false,
    showSendToCloud: false, // Nothing leaves this machine; Plotly 7 offers an upload by default.
    displayModeBar: "hover",
    responsive: false, // The ResizeObserver above also sees columns and side bars that open.
    scrollZoom: false, // The wheel scrolls the page.
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "toImage", "sendChartToCloud"],
    modeBarButtonsToAdd: [
      {
        name: "png",
        title: "Download as PNG",
        icon: plotly.Icons.camera,
        click: (/** @type {PlotElement} */ graph) => plotly.downloadImage(graph, { format: "png", filename, scale: 2 }),
      },
      {
        name: "svg",
        title: "Download as SVG",
        icon: DOWNLOAD_SVG,
        click: (/** @type {PlotElement} */ graph) => plotly.downloadImage(graph, { format: "svg", filename }),
      },
    ],
    toImageButtonOptions: { format: "png", filename, scale: 2 },
  };
}

/** Shared by all charts of the page. @type {Promise<Plotly> | null} */
let loading = null;

/** @type {() => Promise<Plotly>} */
function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = addressOf("vendor/plotly/plotly.min.js");
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : fail());
    script.onerror = fail;
    document.head.appendChild(script);
    function fail() {
      loading = null; // the next update tries again
      script.remove();
      reject(new Error("This chart can't be drawn: the server did not send vendor/plotly/plotly.min.js. "
        + "Start Shiftscope with “streamlit run app.py”, then reload the page."));
    }
  });
  return loading;
}
