import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Player } from "../../assets/embedding/player.js";
import { ToPython } from "../../assets/embedding/to-python.js";
import { mapOf } from "./data.mjs";

const data = { ...mapOf([0, 1, 2, 3].map((x) => [[x / 4, 0]])), epochs: [0, 5, 10, 20] };

function playerOn(epoch = null, follow = false, reduced = false) {
  globalThis.matchMedia = () => ({ matches: reduced });
  const said = [];
  const player = new Player({ data, refresh: () => said.push("refresh"), hint: (words) => said.push(words) });
  return { player, said, asked: player.begin(data, epoch, follow) };
}

test("it begins at the link's epoch, or at the last one", () => {
  const linked = playerOn(7);
  assert.deepEqual([linked.player.timeline.frame, linked.asked, linked.player.timeline.touched], [1, 5, true]);
  const fresh = playerOn(null, true);
  assert.deepEqual([fresh.player.timeline.frame, fresh.asked, fresh.player.timeline.following], [3, undefined, true]);
});

test("it steps, goes to the nearest epoch, and stays within the run", () => {
  const { player } = playerOn(0, false, true);
  player.step(1);
  assert.equal(player.timeline.frame, 1);
  player.step(-5);
  assert.equal(player.timeline.frame, 0);
  player.goTo(16);
  assert.equal(player.timeline.frame, 3);
  player.choose(1);
  player.toLast();
  assert.equal(player.timeline.at, 3, "at once for whoever wants no motion");
});

test("slow motion goes round", () => {
  const { player, said } = playerOn(0);
  const speeds = [1, 2, 3].map(() => { player.nextSpeed(); return player.timeline.speed; });
  assert.deepEqual(speeds, [0.5, 0.25, 1]);
  assert.deepEqual(said.filter((words) => words !== "refresh"), ["Slow motion", "Slow motion", "Normal speed"]);
});

test("Python hears of an epoch after a rest, of the newest one by its sign, and of nothing twice", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { player } = playerOn(0);
  const told = [];
  const python = new ToPython();
  python.tell = (...what) => told.push(what);
  python.begin(0, "");
  python.epoch(0, player.timeline, false);
  python.epoch(5, player.timeline, false);
  python.epoch(10, player.timeline, false);
  mock.timers.tick(1000);
  python.epoch(10, player.timeline, false);
  mock.timers.tick(1000);
  python.epoch(20, player.timeline, true);
  mock.timers.tick(1000);
  assert.deepEqual(told, [["epoch", 10], ["epoch", -1]]);
  python.epoch(5, player.timeline, false);
  python.close();
  player.timeline.playing = true;
  python.epoch(0, player.timeline, false);
  mock.timers.tick(1000);
  assert.equal(told.length, 2, "neither after the element has gone nor while it plays");
  mock.timers.reset();
});

test("Python hears of a selection once", () => {
  const told = [];
  const python = new ToPython();
  python.tell = (...what) => told.push(what);
  python.begin(0, "i3");
  python.selection([3], 20000);
  python.selection([3, 203], 20000);
  python.selection([3, 203], 20000);
  python.selection([], 20000);
  assert.deepEqual(told, [["selection", "i3.5k"], ["selection", ""]]);
});

test("nothing performs for whoever wants no motion", () => {
  const { player } = playerOn(null, false, true);
  player.perform();
  assert.deepEqual([player.timeline.frame, player.timeline.playing], [3, false]);
  const moving = playerOn();
  moving.player.perform();
  assert.deepEqual([moving.player.timeline.frame, moving.player.timeline.playing], [0, true]);
});
