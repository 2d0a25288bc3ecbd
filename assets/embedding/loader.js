// Holds a map's epochs and asks the server for those that are missing.

import { decode, merge } from "./payload.js";
import { Refused, ask, wordsOf } from "./server.js";

/** @import { MapData } from "./payload.js" */

const WAITS = [500, 1500, 4000]; // ms between tries when the server does not answer

export class Loader {
  /** `onData` gets everything there is so far, `onTrouble` the words why there is nothing new.
   * @param {(data: MapData) => void} onData
   * @param {(words: string) => void} onTrouble */
  constructor(onData, onTrouble) {
    this.onData = onData;
    this.onTrouble = onTrouble;
    /** @type {MapData | null} */
    this.data = null;
    this.address = "";
    /** @type {string | null} */
    this.version = null;
    /** @type {Promise<void> | null} */
    this.loading = null;
    this.again = false; // what is asked for while an answer is under way
    this.size = 0; // of the last answer, in bytes
    this.stop = new AbortController();
  }

  /** A page's address and version; asks if either is new.
   * @type {(address: string, version: string) => void} */
  set(address, version) {
    if (address !== this.address) {
      this.stop.abort();
      this.stop = new AbortController();
      this.loading = null;
      this.address = address;
      this.data = null;
      this.version = null;
    }
    if (version === this.version) return;
    this.version = version;
    if (version !== this.data?.version) this.refresh(); // a run's pulse may have brought it before the page did
  }

  /** Asks for what is new; a second call while an answer is under way asks once more after it. */
  refresh() {
    if (this.loading) {
      this.again = true;
      return;
    }
    const { signal } = this.stop;
    this.loading = this.load(signal).then(() => {
      if (signal.aborted) return;
      this.loading = null;
      if (this.again) {
        this.again = false;
        this.refresh();
      }
    });
  }

  /** @type {(signal: AbortSignal) => Promise<void>} */
  async load(signal) {
    for (let attempt = 0; ; attempt += 1) {
      let part;
      try {
        const { identity = "", frames = 0 } = this.data ?? {};
        const answer = await ask(`map/${this.address}?since=${frames}&identity=${encodeURIComponent(identity)}`, signal);
        const bytes = new Uint8Array(await answer.arrayBuffer());
        if (signal.aborted) return;
        performance.mark("embedding-data");
        this.size = Number(answer.headers.get("content-length"));
        part = decode(bytes);
      } catch (problem) {
        if (signal.aborted) return;
        if (problem instanceof Refused || attempt === WAITS.length) {
          this.version = null; // the next rerun of the page tries again
          this.onTrouble(wordsOf(problem));
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, WAITS[attempt]));
        continue;
      }
      const data = merge(this.data, part);
      if (!data) this.data = null; // what was held does not fit any more: everything is asked for
      if (!data) this.again = true;
      else this.onData((this.data = data));
      return;
    }
  }

  close() {
    this.stop.abort();
  }
}
