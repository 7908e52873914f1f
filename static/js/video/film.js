/* Plays recordings: fetches the bytes of each second when they are needed, from whichever file holds it, on one clock. */

import { Source } from "./buffer.js";

const AHEAD_S = 20;
const BEHIND_S = 30;

export class Film {
  /* `told` is the film's table, `failed()` when the browser will not play it; `isWhole`: nothing is added any more, so that it has an end. */
  constructor(video, told, failed, isWhole = false) {
    Object.assign(this, { video, told, failed, isWhole, file: -1, isBusy: false, isOver: false, type: "" });
    this.groups = groupsOf(told);
    const first = told.files[0];
    if (!first || !Source?.isTypeSupported(first.mime)) return void failed();
    this.source = new Source();
    video.disableRemotePlayback = true;
    video.src = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => this.opened(first.mime), { once: true });
  }

  opened(mime) {
    this.source.duration = this.told.duration / 1000;
    this.type = mime;
    this.buffer = this.source.addSourceBuffer(mime);
    for (const name of ["timeupdate", "seeking", "waiting", "play"]) this.video.addEventListener(name, () => this.fill());
    this.fill();
  }

  /* Where what is known of the film ends. */
  get end() {
    return this.groups.at(-1)?.end ?? 0;
  }

  /* The table of a running show has grown: its last group too. */
  extend(told) {
    const fresh = groupsOf(told);
    if (!fresh.length) return;
    this.told = told;
    this.groups = [...this.groups.filter((group) => group.at < fresh[0].at - 0.001), ...fresh];
    if (this.buffer && !this.buffer.updating && this.source.readyState === "open") this.source.duration = Math.max(this.source.duration, this.end);
    this.fill();
  }

  stop() {
    this.isOver = true;
    clearTimeout(this.retry);
  }

  has(time) {
    const ranges = this.buffer.buffered;
    for (let at = 0; at < ranges.length; at++) if (ranges.start(at) <= time + 0.15 && time < ranges.end(at) - 0.05) return ranges.end(at);
    return 0;
  }

  /* The first group that is wanted and not there. */
  wanted() {
    const now = Math.min(this.video.currentTime, this.end - 0.1);
    let end = now;
    for (let known = this.has(end); known > end; known = this.has(end)) end = known + 0.01;
    if (end - now > AHEAD_S) return null;
    return this.groups.find((group) => group.end > end + 0.06);
  }

  async fill() {
    if (this.isBusy || this.isOver || !this.buffer) return;
    this.isBusy = true;
    try {
      for (let group = this.wanted(); group; group = this.wanted()) {
        if (group === this.last || this.isOver) break;
        await this.load(group);
        this.last = group;
        await this.trim();
      }
      this.finish();
    } catch {
      clearTimeout(this.retry);
      this.last = null;
      if (!this.isOver) this.retry = setTimeout(() => this.fill(), 1500);
    } finally {
      this.isBusy = false;
    }
  }

  /* With its last second there, the film may run out or be sought to its end; more bytes open the source again. */
  finish() {
    const [last, ranges] = [this.groups.at(-1), this.buffer.buffered];
    const isThere = last && ranges.length && ranges.end(ranges.length - 1) > (last.at + last.end) / 2;
    if (this.isWhole && isThere && this.source.readyState === "open") this.source.endOfStream();
  }

  async load(group) {
    const file = this.told.files[group.number];
    if (this.file !== group.number) {
      const init = await this.bytes(file.url, 0, file.init);
      if (file.mime !== this.type) this.buffer.changeType(file.mime);
      this.type = file.mime;
      this.buffer.timestampOffset = file.shift / 1000;
      await this.append(init);
      this.file = group.number;
    }
    await this.append(await this.bytes(file.url, group.offset, group.size));
  }

  async bytes(url, offset, size) {
    const answer = await fetch(url, { headers: { Range: `bytes=${offset}-${offset + size - 1}` } });
    if (answer.status !== 206) throw new Error(String(answer.status));
    return answer.arrayBuffer();
  }

  append(bytes) {
    return this.done(() => this.buffer.appendBuffer(bytes));
  }

  async trim() {
    const ranges = this.buffer.buffered;
    const until = this.video.currentTime - BEHIND_S;
    if (ranges.length && ranges.start(0) < until - BEHIND_S) await this.done(() => this.buffer.remove(ranges.start(0), until));
  }

  done(act) {
    return new Promise((resolve, reject) => {
      this.buffer.addEventListener("updateend", resolve, { once: true });
      this.buffer.addEventListener("error", reject, { once: true });
      act();
    });
  }
}

const groupsOf = ({ files }) =>
  files.flatMap((file, number) => file.groups.map(([at, duration, offset, size]) => ({ number, at: at / 1000, end: (at + duration) / 1000, offset, size })));
