// Looks of the frames on screen, kept so that a tween doesn't paint them again.

import { BYTES_PER_STYLE } from "./palette.js";

const SLOTS = 4; // two panes, two frames each

export class StyleCache {
  constructor(count) {
    this.count = count;
    this.entries = []; // most recently used first
  }

  /** The look of a frame under a stamp: {slot, version, bytes}. `paint` fills the bytes when they are missing. */
  of(frame, stamp, paint) {
    let entry = this.entries.find((kept) => kept.frame === frame && kept.stamp === stamp);
    if (!entry) {
      entry = this.entries.length < SLOTS
        ? { slot: this.entries.length, version: 0, bytes: new Uint8Array(this.count * BYTES_PER_STYLE) }
        : this.entries.at(-1);
      paint(entry.bytes);
      Object.assign(entry, { frame, stamp, version: entry.version + 1 });
    }
    this.entries = [entry, ...this.entries.filter((kept) => kept !== entry)];
    return entry;
  }
}
