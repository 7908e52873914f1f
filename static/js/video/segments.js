/* The same stream by plain requests, where no websocket gets through: our own playlist is read and its segments are fetched. */

import { Transmuxer } from "./transmuxer.js";

const BEHIND = 2;
const IDLE_MS = 1000;
const MAX_MISSES = 8;

export class Segments {
  /* `told` as for Wire. */
  constructor(url, told) {
    Object.assign(this, { url, told, last: -1, map: "", misses: 0, isOver: false, transmuxer: null });
    this.run();
  }

  async run() {
    while (!this.isOver) {
      try {
        await this.step();
        this.misses = 0;
      } catch {
        this.misses += 1;
        if (this.misses > MAX_MISSES) return this.isOver || this.told.failed();
      }
      await new Promise((done) => setTimeout(done, IDLE_MS));
    }
  }

  async step() {
    const text = await (await this.get(this.url)).text();
    const variant = text.match(/^#EXT-X-STREAM-INF:.*\n([^#\n]+)/m);
    if (variant) this.url = new URL(variant[1].trim(), new URL(this.url, location.href)).href;
    const found = variant ? [] : parse(text);
    if (found.length) this.told.pace(Math.max(...found.map(({ seconds }) => seconds)));
    // A server that was started again counts from the beginning.
    if (found.length && found.at(-1).number < this.last - 1) this.last = -1;
    const fresh = found.filter(({ number }) => number > this.last);
    // The first time, and after falling far behind, begin near the end.
    const wanted = this.last < 0 || fresh.length > 5 ? fresh.slice(-BEHIND) : fresh;
    for (const one of wanted) {
      await (one.map ? this.fragment(one) : this.transport(one));
      this.last = one.number;
      if (this.isOver) return;
    }
  }

  async fragment(one) {
    if (one.map !== this.map) {
      const bytes = await this.bytes(one.map);
      this.map = one.map;
      this.told.init(mimeOf(bytes), bytes);
    }
    this.told.part(await this.bytes(one.uri), { isKey: true, wall: one.wall });
  }

  /* MPEG-TS, as nginx-rtmp and SRS write it: browsers want MP4. */
  async transport(one) {
    this.transmuxer ||= new Transmuxer();
    const made = this.transmuxer.convert(await this.bytes(one.uri), one.breaks || one.number !== this.last + 1);
    if (made.init) this.told.init(mimeOf(made.init), made.init);
    if (made.part) this.told.part(made.part, { isKey: true, wall: one.wall });
  }

  async get(url) {
    const answer = await fetch(url, { cache: "no-store", credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  async bytes(name) {
    return new Uint8Array(await (await this.get(new URL(name, new URL(this.url, location.href)))).arrayBuffer());
  }

  stop() {
    this.isOver = true;
  }
}

function parse(text) {
  const found = [];
  let number = 0, map = "", wall = 0, seconds = 0, breaks = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("#EXT-X-MEDIA-SEQUENCE:")) number = Number(line.split(":")[1]);
    else if (line.startsWith("#EXT-X-MAP:")) map = line.match(/URI="([^"]+)"/)[1];
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) wall = Date.parse(line.slice(25));
    else if (line.startsWith("#EXTINF:")) seconds = parseFloat(line.slice(8));
    else if (line.startsWith("#EXT-X-DISCONTINUITY") && !line.includes("-SEQUENCE")) breaks = true;
    else if (line && !line.startsWith("#")) {
      found.push({ number: number++, map, wall, seconds, breaks, uri: line });
      breaks = false;
    }
  }
  return found;
}

/* The codecs are in the init segment: avcC carries profile and level, esds the kind of AAC. */
export function mimeOf(bytes) {
  const find = (name) => {
    const codes = [...name].map((letter) => letter.charCodeAt(0));
    for (let at = 0; at + 4 < bytes.length; at++) if (codes.every((code, step) => bytes[at + step] === code)) return at + 4;
    return -1;
  };
  const hex = (value) => value.toString(16).padStart(2, "0");
  const avc = find("avcC");
  const names = [`avc1.${hex(bytes[avc + 1])}${hex(bytes[avc + 2])}${hex(bytes[avc + 3])}`];
  const esds = find("esds");
  if (esds > 0) {
    const specific = bytes.indexOf(5, esds + 20);
    names.push(`mp4a.40.${bytes[specific + 2] >> 3}`);
  }
  return `video/mp4; codecs="${names.join(",")}"`;
}
