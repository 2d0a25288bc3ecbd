// What Python is told: the epoch that the user has come to rest on, and the selected points.

import { encodeSelection } from "./selection.js";

/** @import { Timeline } from "./timeline.js" */

const REST_MS = 400; // before Python hears of a new epoch
const FOLLOWING = -1; // instead of an epoch: the newest one, whichever that is

export class ToPython {
  constructor() {
    /** Changes with each rerun of the page. @type {((name: string, value: number | string) => void) | null} */
    this.tell = null;
    /** What Python knows. @type {{ epoch?: number, selection: string }} */
    this.known = { selection: "" };
    this.waiting = 0;
  }

  /** Another run, with the epoch and the selection that came from Python.
   * @type {(epoch: number | undefined, selection: string) => void} */
  begin(epoch, selection) {
    this.known = { epoch, selection };
  }

  /** @type {(indices: number[], count: number) => void} */
  selection(indices, count) {
    const text = encodeSelection(indices, count);
    if (text === this.known.selection) return;
    this.known.selection = text;
    this.tell?.("selection", text);
  }

  /** `epoch` is shown; `followed`: as the newest one of a run, which Python knows already and the user did not choose.
   * @type {(epoch: number | undefined, timeline: Timeline, followed: boolean) => void} */
  epoch(epoch, timeline, followed) {
    clearTimeout(this.waiting);
    const chosen = followed ? FOLLOWING : epoch;
    if (!timeline.touched || timeline.playing || chosen === undefined || chosen === this.known.epoch) return;
    this.waiting = setTimeout(() => {
      this.known.epoch = chosen;
      this.tell?.("epoch", chosen);
    }, REST_MS);
  }

  close() {
    clearTimeout(this.waiting);
  }
}
