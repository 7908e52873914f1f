/* Reads MPEG-TS (ISO 13818-1) with one H.264 and one AAC stream: pictures and frames of sound with their times in 1/90,000 s. */

const PACKET = 188;
const H264 = 0x1b, AAC = 0x0f;
const WRAP = 2 ** 33;

/* {video: [{pts, dts, units}], audio: [{pts, rate, index, channels, kind, data}]}; whatever else is inside is passed over. */
export function read(bytes) {
  const streams = collect(bytes);
  return { video: streams.video.map(picture).filter(({ units }) => units.length), audio: streams.audio.flatMap(sounds) };
}

/* The PES packets of both streams. */
function collect(bytes) {
  const found = { video: [], audio: [] };
  const kinds = new Map();
  let map = -1;
  const open = new Map();
  for (let at = bytes.indexOf(0x47); at >= 0 && at + PACKET <= bytes.length; at += PACKET) {
    if (bytes[at] !== 0x47) break;
    const id = ((bytes[at + 1] & 31) << 8) | bytes[at + 2];
    const begins = (bytes[at + 1] & 0x40) !== 0;
    const field = (bytes[at + 3] >> 4) & 3;
    let from = at + 4;
    if (field & 2) from += 1 + bytes[from];
    if (!(field & 1) || from >= at + PACKET) continue;
    const body = bytes.subarray(from, at + PACKET);
    if (id === 0 && begins) map = programMap(body);
    else if (id === map && begins) streamsOf(body, kinds);
    else if (kinds.has(id)) {
      if (begins) {
        open.set(id, []);
        found[kinds.get(id)].push(open.get(id));
      }
      open.get(id)?.push(body);
    }
  }
  return { video: found.video.map(packetOf).filter(Boolean), audio: found.audio.map(packetOf).filter(Boolean) };
}

function programMap(body) {
  const at = 1 + body[0] + 8;
  return ((body[at + 2] & 31) << 8) | body[at + 3];
}

function streamsOf(body, kinds) {
  const table = body.subarray(1 + body[0]);
  const end = 3 + (((table[1] & 15) << 8) | table[2]) - 4;
  let at = 12 + (((table[10] & 15) << 8) | table[11]);
  while (at + 5 <= end) {
    const id = ((table[at + 1] & 31) << 8) | table[at + 2];
    if (table[at] === H264) kinds.set(id, "video");
    if (table[at] === AAC) kinds.set(id, "audio");
    at += 5 + (((table[at + 3] & 15) << 8) | table[at + 4]);
  }
}

/* {pts, dts, data} of a PES packet, or nothing. */
function packetOf(pieces) {
  const all = join(pieces);
  if (all.length < 14 || all[0] || all[1] || all[2] !== 1 || !(all[7] & 0x80)) return null;
  const pts = stamp(all, 9);
  const dts = all[7] & 0x40 ? stamp(all, 14) : pts;
  // Padding stands behind what a sound packet says it holds; a picture's length may be left open.
  const length = (all[4] << 8) | all[5];
  const end = length ? Math.min(6 + length, all.length) : all.length;
  return { pts, dts, data: all.subarray(9 + all[8], end) };
}

const stamp = (bytes, at) => (bytes[at] & 14) * 2 ** 29 + bytes[at + 1] * 2 ** 22 + (bytes[at + 2] >> 1) * 2 ** 15 + bytes[at + 3] * 2 ** 7 + (bytes[at + 4] >> 1);

/* The way from one 33-bit time to the next, forwards or backwards. */
export const passed = (from, to) => ((((to - from) % WRAP) + WRAP * 1.5) % WRAP) - WRAP / 2;

/* NAL units of a picture, between start codes. */
function picture({ pts, dts, data }) {
  const units = [];
  let begin = -1;
  for (let at = 0; at + 3 <= data.length; at++) {
    if (data[at + 2] > 1) at += 2;
    else if (data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1) {
      if (begin >= 0) units.push(trimmed(data, begin, at));
      begin = at + 3;
      at += 2;
    }
  }
  if (begin >= 0) units.push(trimmed(data, begin, data.length));
  return { pts, dts, units: units.filter(({ length }) => length) };
}

function trimmed(data, from, to) {
  while (to > from && data[to - 1] === 0) to -= 1;
  return data.subarray(from, to);
}

const RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

/* ADTS frames of a PES packet. */
function sounds({ pts, data }) {
  const found = [];
  let at = 0;
  while (at + 7 <= data.length && data[at] === 0xff && (data[at + 1] & 0xf6) === 0xf0) {
    const size = ((data[at + 3] & 3) << 11) | (data[at + 4] << 3) | (data[at + 5] >> 5);
    const head = data[at + 1] & 1 ? 7 : 9;
    const index = (data[at + 2] >> 2) & 15;
    const rate = RATES[index];
    if (!rate || size <= head || at + size > data.length) break;
    const channels = ((data[at + 2] & 1) << 2) | (data[at + 3] >> 6);
    found.push({ pts: pts + Math.round((found.length * 1024 * 90000) / rate), rate, index, channels, kind: (data[at + 2] >> 6) + 1, data: data.subarray(at + head, at + size) });
    at += size;
  }
  return found;
}

export function join(pieces) {
  const all = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
