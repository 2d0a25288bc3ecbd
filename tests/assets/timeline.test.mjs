import assert from "node:assert/strict";
import { test } from "node:test";

import { Timeline } from "../../assets/embedding/timeline.js";

test("whoever follows moves on with each epoch, whoever chose one stays", () => {
  const timeline = new Timeline(3, 2, true);
  timeline.extend(4, 0, 0, true);
  assert.equal(timeline.frame, 3);
  timeline.choose(1, 0, 0);
  timeline.extend(5, 0, 0, true);
  assert.equal(timeline.frame, 1);
  timeline.choose(4, 0, 0);
  timeline.extend(6, 0, 0, true);
  assert.equal(timeline.frame, 5, "back at the newest it follows again");
});

test("a tween passes through the frames between, slower in slow motion", () => {
  for (const [speed, length] of [[1, 430], [0.25, 1720]]) {
    const timeline = new Timeline(3, 0, false);
    timeline.speed = speed;
    timeline.choose(2, 1000, 400);
    timeline.tick(1000 + length / 2);
    assert.ok(Math.abs(timeline.at - 1) < 1e-9);
    assert.deepEqual(timeline.blend(), { from: 1, to: 2, mix: timeline.at - 1 });
    timeline.tick(1000 + length);
    assert.deepEqual(timeline.blend(), { from: 2, to: 2, mix: 0 });
    assert.equal(timeline.move, null);
  }
});

test("playing goes to the end, rests at each epoch, and starts over from there", () => {
  const timeline = new Timeline(3, 2, false);
  timeline.play(0, 100);
  assert.equal(timeline.frame, 0);
  let now = 0;
  const seen = new Set();
  while (timeline.playing && now < 60_000) {
    timeline.tick((now += 50));
    if (!timeline.move) seen.add(timeline.frame);
  }
  assert.deepEqual([...seen], [0, 1, 2]);
  assert.equal(timeline.playing, false);
});

test("another projection keeps a chosen epoch and lets a follower go to the last", () => {
  const chosen = new Timeline(5, 4, false);
  chosen.choose(2, 0, 0);
  chosen.recast(2, 5);
  assert.deepEqual([chosen.frame, chosen.at], [2, 2]);
  const following = new Timeline(4, 3, true);
  following.recast(3, 5);
  assert.equal(following.frame, 4);
  chosen.recast(-1, 3);
  assert.equal(chosen.frame, 2);
});

test("fewer epochs than before leave it at the last one", () => {
  const timeline = new Timeline(5, 4, true);
  timeline.extend(2, 0, 400, true);
  assert.deepEqual([timeline.frame, timeline.at], [1, 1]);
});

test("a performance shows the beginning for a while, runs once to the end, and is no choice of the user", () => {
  const timeline = new Timeline(3, 2, true);
  timeline.perform(0, 1000, 100);
  assert.deepEqual([timeline.frame, timeline.at, timeline.touched], [0, 0, false]);
  timeline.tick(900);
  assert.equal(timeline.at, 0, "before stands still");
  let now = 900;
  while (timeline.playing && now < 60_000) timeline.tick((now += 50));
  assert.deepEqual([timeline.at, timeline.touched, timeline.following], [2, false, true]);
  const single = new Timeline(1, 0, false);
  single.perform(0, 1000, 100);
  assert.equal(single.playing, false, "one epoch is no story");
});
