/* Writes fragmented MP4 (ISO 14496-12): an init segment of two tracks, and fragments of pictures and sound. */

import { join } from "./transport.js";

export const SCALE = 90000;
const VIDEO = 1, AUDIO = 2;
const MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];

const text = (name) => Uint8Array.from(name, (letter) => letter.charCodeAt(0));
const u16 = (...values) => Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255]));
const u32 = (...values) => Uint8Array.from(values.flatMap((value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]));
const zeros = (count) => new Uint8Array(count);

function box(name, ...parts) {
  const body = join(parts);
  return join([u32(8 + body.length), text(name), body]);
}

const full = (name, version, flags, ...parts) => box(name, u32((version << 24) | flags), ...parts);

/* `video` has sps, pps, width, height; `audio`, which may be null, has kind, index, rate, channels. */
export function initSegment(video, audio) {
  const tracks = [trak(VIDEO, "vide", SCALE, full("vmhd", 0, 1, zeros(8)), avc1(video), video)];
  if (audio) tracks.push(trak(AUDIO, "soun", audio.rate, full("smhd", 0, 0, zeros(4)), mp4a(audio), null));
  const extend = (number) => full("trex", 0, 0, u32(number, 1, 0, 0, 0));
  const head = full("mvhd", 0, 0, u32(0, 0, 1000, 0, 0x10000), u16(0x100), zeros(10), u32(...MATRIX), zeros(24), u32(3));
  const moov = box("moov", head, ...tracks, box("mvex", extend(VIDEO), ...(audio ? [extend(AUDIO)] : [])));
  return join([box("ftyp", text("iso6"), zeros(4), text("iso6cmfcmp41")), moov]);
}

function trak(number, handler, scale, mediaHead, entry, video) {
  const size = video ? u32(video.width << 16, video.height << 16) : zeros(8);
  const tkhd = full("tkhd", 0, 3, u32(0, 0, number, 0, 0), zeros(8), u16(0, 0, video ? 0 : 0x100, 0), u32(...MATRIX), size);
  const empty = ["stts", "stsc", "stco"].map((name) => full(name, 0, 0, zeros(4)));
  const table = box("stbl", full("stsd", 0, 0, u32(1), entry), ...empty, full("stsz", 0, 0, zeros(8)));
  const data = box("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1)));
  const mdhd = full("mdhd", 0, 0, u32(0, 0, scale, 0), u16(0x55c4, 0));
  const hdlr = full("hdlr", 0, 0, zeros(4), text(handler), zeros(12), text("liveshop\0"));
  return box("trak", tkhd, box("mdia", mdhd, hdlr, box("minf", mediaHead, data, table)));
}

function avc1({ sps, pps, width, height }) {
  const avcc = join([Uint8Array.of(1, sps[1], sps[2], sps[3], 0xff, 0xe1), u16(sps.length), sps, Uint8Array.of(1), u16(pps.length), pps]);
  return box("avc1", zeros(6), u16(1), zeros(16), u16(width, height), u32(0x480000, 0x480000, 0), u16(1), zeros(32), u16(24, 0xffff), box("avcC", avcc));
}

function mp4a({ kind, index, rate, channels }) {
  const described = (tag, ...parts) => join([Uint8Array.of(tag, join(parts).length), ...parts]);
  const specific = described(5, u16((kind << 11) | (index << 7) | (channels << 3)));
  const decoder = described(4, Uint8Array.of(0x40, 0x15, 0, 0, 0), u32(128000, 128000), specific);
  const esds = full("esds", 0, 0, described(3, u16(AUDIO), zeros(1), decoder, described(6, Uint8Array.of(2))));
  return box("mp4a", zeros(6), u16(1), zeros(8), u16(channels, 16, 0, 0), u32(rate < 65536 ? rate * 65536 : 0), esds);
}

/* Samples: {start, duration, data} in their track's scale; pictures also have shift and isKey. */
export function fragment(number, video, audio) {
  const runs = [];
  if (video.length) runs.push([VIDEO, 0xf01, video, ({ duration, data, isKey, shift }) => u32(duration, data.length, isKey ? 0x02000000 : 0x01010000, shift)]);
  if (audio.length) runs.push([AUDIO, 0x301, audio, ({ duration, data }) => u32(duration, data.length)]);
  const rows = runs.map(([, , samples, row]) => join(samples.map(row)));
  const size = 24 + rows.reduce((sum, { length }) => sum + 64 + length, 0);
  let at = size + 8;
  const boxes = runs.map(([track, flags, samples], order) => {
    const run = full("trun", 1, flags, u32(samples.length, at), rows[order]);
    at += samples.reduce((sum, { data }) => sum + data.length, 0);
    const start = samples[0].start;
    return box("traf", full("tfhd", 0, 0x020000, u32(track)), full("tfdt", 1, 0, u32(Math.floor(start / 2 ** 32), start % 2 ** 32)), run);
  });
  const moof = box("moof", full("mfhd", 0, 0, u32(number)), ...boxes);
  return join([moof, box("mdat", ...runs.flatMap(([, , samples]) => samples.map(({ data }) => data)))]);
}
