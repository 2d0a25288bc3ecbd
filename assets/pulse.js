// Listens to one run's pulse and asks the page to draw again when its record has changed: no polling, no idle reruns.

/** @typedef {{ data: { run: string } | null, parentElement: HTMLElement, setTriggerValue: (name: string, value: string) => void }} Called */

/** By parent element. @type {WeakMap<HTMLElement, Listener>} */
const listeners = new WeakMap();

/** @type {(component: Called) => (() => void) | undefined} */
export default function render({ data, parentElement, setTriggerValue }) {
  if (!data) return undefined;
  let listener = listeners.get(parentElement);
  if (!listener) {
    listener = new Listener();
    listeners.set(parentElement, listener);
  }
  listener.tell = (beat) => setTriggerValue("beat", beat);
  listener.listen(data.run);
  return () => {
    listeners.delete(parentElement);
    listener.close();
    document.removeEventListener("visibilitychange", listener.onVisibility);
  };
}

class Listener {
  constructor() {
    /** @type {((beat: string) => void) | null} */
    this.tell = null;
    this.run = "";
    this.epochs = "";
    /** @type {EventSource | null} */
    this.source = null;
    // A browser keeps few connections per server open: a hidden tab gives its own back.
    this.onVisibility = () => (document.hidden ? this.close() : this.open());
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  /** @type {(run: string) => void} */
  listen(run) {
    if (run === this.run) return;
    this.close();
    this.run = run;
    if (!document.hidden) this.open();
  }

  open() {
    if (this.source || !this.run) return;
    this.source = new EventSource(addressOf(`pulse/${this.run}`));
    this.source.onmessage = (event) => {
      const [epochs] = event.data.split("-");
      if (epochs !== this.epochs) dispatchEvent(new CustomEvent("shiftscope-pulse", { detail: { run: this.run } })); // the map fetches it at once
      this.epochs = epochs;
      this.tell?.(event.data);
    };
  }

  close() {
    this.source?.close();
    this.source = null;
  }
}
