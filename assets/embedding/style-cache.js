// Looks of the frames on screen, kept so that a tween doesn't paint them again.

import { BYTES_PER_STYLE } from "./palette.js";

/** @typedef {{ slot: number, version: number, bytes: Uint8Array }} Style the look of all points of a frame, `BYTES_PER_STYLE` a point */

const SLOTS = 4; // two panes, two frames each

export class StyleCache {
  /** @param {number} count of points */
  constructor(count) {
    this.count = count;
    /** @type {(Style & { frame: number, stamp: string })[]} */
    this.entries = []; // most recently used first
  }

  /** The look of a frame under a stamp; `paint` fills the bytes when they are missing.
   * @type {(frame: number, stamp: string, paint: (bytes: Uint8Array) => void) => Style} */
  of(frame, stamp, paint) {
    let entry = this.entries.find((kept) => kept.frame === frame && kept.stamp === stamp);
    if (!entry) {
      const { length } = this.entries;
      const old = length < SLOTS ? { slot: length, version: 0, bytes: new Uint8Array(this.count * BYTES_PER_STYLE) } : this.entries[length - 1];
      paint(old.bytes);
      entry = Object.assign(old, { frame, stamp, version: old.version + 1 });
    }
    this.entries = [entry, ...this.entries.filter((kept) => kept !== entry)];
    return entry;
  }
}
