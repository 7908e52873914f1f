/* Plays a live stream into a <video>: websocket, else plain requests, else the browser's own HLS, else nothing but the picture below.

Who fell to plain requests looks now and then whether the websocket works again. It keeps close to the present: a little faster when behind, a jump when far behind, a little further back after each stall.
Events on the element: "player" with detail "playing", "waiting", "off", "blocked" (a tap is needed) or "failed".
*/
import { Buffer, Source } from "./buffer.js";
import { Segments } from "./segments.js";
import { Wire } from "./wire.js";

const FIRST_PART_MS = 5000;
const LOOK_MS = 250;
const CLIMB_MS = [15_000, 30_000, 60_000, 120_000, 300_000];
const FAR_S = 2.5;
const LAG = { wire: [0.35, 1.5], segments: [1.6, 4] };

export class Player {
  /* `at` has live (websocket path), hls, and ticket(isStale); an empty address is a rung that is not there. */
  constructor(video, at) {
    Object.assign(this, { video, at, feed: null, kind: "", isOver: false, climbs: 0 });
    this.listen();
    this.begin(!Source ? "own" : at.live ? "wire" : "segments");
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  listen() {
    this.off = new AbortController();
    const on = (name, act, target = this.video) => target.addEventListener(name, act, { signal: this.off.signal });
    on("playing", () => this.tell("playing"));
    on("waiting", () => this.stalled());
    on("error", () => this.video.error && this.kind && this.next());
    on("visibilitychange", () => document.visibilityState === "visible" && this.jump(), document);
  }

  tell(detail) {
    this.state = detail;
    this.video.dispatchEvent(new CustomEvent("player", { bubbles: true, detail }));
  }

  begin(kind) {
    this.drop();
    this.kind = kind;
    [this.lag] = LAG[kind] || [0];
    if (kind === "own") return this.own();
    this.buffer = new Buffer(this.video, () => this.next());
    const told = {
      init: (mime, bytes) => this.buffer.init(mime, bytes),
      part: (bytes, facts) => this.part(bytes, facts),
      state: (message) => this.changed(message),
      pace: (seconds) => this.paced(seconds),
      failed: () => this.next(),
    };
    this.feed = kind === "wire" ? new Wire(this.at.live, this.at.ticket, told) : new Segments(this.at.hls, told);
    this.deadline = setTimeout(() => !this.hasParts && this.next(), kind === "wire" ? FIRST_PART_MS : FIRST_PART_MS * 3);
    if (kind === "segments" && this.at.live) this.climber = setTimeout(() => this.climb(), CLIMB_MS[Math.min(this.climbs++, CLIMB_MS.length - 1)] * (0.8 + Math.random() * 0.4));
  }

  /* Back up the ladder: a second feed beside the one that plays, which is kept when parts come. */
  climb() {
    const done = (isUp) => {
      clearTimeout(this.climber);
      this.probe?.stop();
      this.probe = null;
      if (isUp) return this.begin("wire");
      if (this.kind === "segments") this.climber = setTimeout(() => this.climb(), CLIMB_MS[Math.min(this.climbs++, CLIMB_MS.length - 1)]);
    };
    this.probe = new Wire(this.at.live, this.at.ticket, { init() {}, state() {}, part: () => done(true), failed: () => done(false) });
    this.climber = setTimeout(() => done(false), FIRST_PART_MS);
  }

  /* The browser's own HLS: iPhones without ManagedMediaSource. */
  own() {
    if (!this.at.hls || !this.video.canPlayType("application/vnd.apple.mpegurl")) return this.fail();
    this.video.src = this.at.hls;
    this.play();
  }

  next() {
    if (this.isOver) return;
    const order = ["wire", "segments", "own"];
    const following = order[order.indexOf(this.kind) + 1];
    if (!following || (following === "segments" && !this.at.hls)) return this.fail();
    this.begin(following);
  }

  fail() {
    this.drop();
    this.kind = "";
    this.tell("failed");
  }

  part(bytes, facts) {
    if (!this.hasParts && !facts.isKey) return;
    this.hasParts = true;
    this.wall = facts.wall;
    this.buffer.part(bytes);
  }

  changed({ state }) {
    if (state === "off") {
      clearTimeout(this.deadline);
      if (this.hasParts || this.state !== "off") this.tell("off");
    }
  }

  /* Segments come whole: what is behind the edge must last until the next one is here. */
  paced(seconds) {
    this.lag = Math.max(this.lag, Math.min(seconds + 1, LAG.segments[1] + 2));
  }

  async play() {
    if (!this.video.paused) return;
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      if (!this.video.muted) {
        this.video.muted = true;
        this.tell("muted");
        return this.play();
      }
      this.tell("blocked");
    }
  }

  get edge() {
    const ranges = this.video.buffered;
    return ranges.length ? ranges.end(ranges.length - 1) : 0;
  }

  look() {
    const { video } = this;
    if (!this.buffer?.buffer || !video.buffered.length) return;
    const ranges = video.buffered;
    const start = ranges.start(ranges.length - 1);
    if (video.currentTime < start && (video.currentTime < ranges.start(0) || video.readyState < 3)) {
      // Before what there is, or in front of a hole: go to where it goes on.
      video.currentTime = Math.max(start, this.edge - Math.max(this.lag, 0.3));
    }
    const behind = this.edge - video.currentTime;
    this.isFilling &&= behind < this.lag;
    if (this.isFilling) return video.pause();
    if (video.paused && this.state !== "blocked") this.play();
    if (behind > FAR_S + this.lag) this.jump();
    else video.playbackRate = behind > this.lag + 0.25 ? 1.1 : behind > this.lag + 0.12 ? 1.04 : 1;
    video.dataset.behind = behind.toFixed(2);
  }

  jump() {
    if (this.buffer && this.edge > this.video.currentTime + this.lag) this.video.currentTime = this.edge - this.lag;
  }

  stalled() {
    const [, most] = LAG[this.kind] || [0, 0];
    if (this.state === "playing") this.lag = Math.max(this.lag, Math.min(this.lag + 0.15, most));
    // One pause until enough is there, not one a segment.
    this.isFilling = this.kind === "segments" && this.hasParts;
    this.tell("waiting");
  }

  drop() {
    clearTimeout(this.deadline);
    clearTimeout(this.climber);
    this.probe?.stop();
    this.probe = null;
    this.feed?.stop();
    this.buffer?.close();
    this.feed = this.buffer = null;
    this.hasParts = this.isFilling = false;
  }

  stop() {
    this.isOver = true;
    this.off.abort();
    clearInterval(this.timer);
    this.drop();
    this.kind = "";
    this.video.removeAttribute("src");
    this.video.load();
  }
}
