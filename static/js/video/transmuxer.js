/* MPEG-TS segments to MP4 on one clock that goes on when the stream begins anew. */

import { fragment, initSegment, SCALE } from "./boxes.js";
import { join, passed, read } from "./transport.js";
import { sizeOf } from "./sps.js";

const KEY = 5, SPS = 7, PPS = 8, DELIMITER = 9;
const USUAL = SCALE / 25;
const FAR = SCALE * 3;

export class Transmuxer {
  constructor() {
    Object.assign(this, { number: 0, end: 0, first: 0, stamp: null, soundEnd: null, tracks: "", sps: null, pps: null, audio: null });
  }

  /* `breaks`: this segment does not continue the one before. {init?, part?}: init only when it changed. */
  convert(bytes, breaks) {
    const { video, audio } = read(bytes);
    for (const { units } of video) for (const unit of units) this.note(unit);
    if (!video.length || !this.sps || !this.pps) return {};
    if (audio.length) [this.audio] = audio;
    const made = {};
    const [width, height] = sizeOf(this.sps);
    const tracks = [this.sps, this.pps, this.audio ? [this.audio.rate, this.audio.channels, this.audio.kind] : []].join("|");
    if (tracks !== this.tracks) made.init = initSegment({ sps: this.sps, pps: this.pps, width, height }, this.audio);
    this.tracks = tracks;
    this.place(video[0].dts, breaks || Boolean(made.init));
    made.part = fragment(++this.number, this.pictures(video), this.audio ? this.sounds(audio) : []);
    return made;
  }

  note(unit) {
    if ((unit[0] & 31) === SPS && unit.length > 4) this.sps = unit.slice();
    if ((unit[0] & 31) === PPS) this.pps = unit.slice();
  }

  /* Where the segment's first picture stands on our clock. */
  place(dts, breaks) {
    const at = this.stamp === null ? 0 : this.first + passed(this.stamp, dts);
    const begins = this.stamp === null || breaks || Math.abs(at - this.end) > FAR;
    this.first = begins ? this.end : at;
    if (begins) this.soundEnd = null;
    this.stamp = dts;
  }

  pictures(video) {
    const samples = video.map(({ pts, dts, units }) => {
      const kept = units.filter((unit) => ![SPS, PPS, DELIMITER].includes(unit[0] & 31));
      const data = join(kept.flatMap((unit) => [lengthOf(unit), unit]));
      return { start: this.first + passed(this.stamp, dts), shift: passed(dts, pts), isKey: kept.some((unit) => (unit[0] & 31) === KEY), data };
    });
    samples.forEach((one, order) => {
      const next = samples[order + 1];
      one.duration = Math.max(next ? next.start - one.start : (samples[order - 1]?.duration ?? USUAL), 1);
    });
    const final = samples.at(-1);
    this.end = final.start + final.duration;
    return samples;
  }

  /* Frames follow each other without a gap unless the encoder left one; times in samples. */
  sounds(audio) {
    const { rate } = this.audio;
    return audio.map(({ pts, data }) => {
      const told = Math.round(((this.first + passed(this.stamp, pts)) * rate) / SCALE);
      const isNear = this.soundEnd !== null && Math.abs(told - this.soundEnd) < rate / 8;
      const start = Math.max(isNear ? this.soundEnd : told, 0);
      this.soundEnd = start + 1024;
      return { start, duration: 1024, data };
    });
  }
}

function lengthOf({ length }) {
  return Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
}
