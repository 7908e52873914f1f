/* Width and height out of an H.264 sequence parameter set. */

const HIGH = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138]);

class Bits {
  constructor(bytes) {
    // An emulation byte stands after two zeros.
    this.bytes = bytes.filter((value, at) => !(value === 3 && at > 1 && !bytes[at - 1] && !bytes[at - 2]));
    this.at = 0;
  }

  take(count) {
    let value = 0;
    for (; count > 0; count--, this.at++) value = value * 2 + ((this.bytes[this.at >> 3] >> (7 - (this.at & 7))) & 1);
    return value;
  }

  number() {
    let zeros = 0;
    while (!this.take(1) && zeros < 32) zeros += 1;
    return 2 ** zeros - 1 + this.take(zeros);
  }

  signed() {
    const number = this.number();
    return number % 2 ? (number + 1) / 2 : -number / 2;
  }
}

export function sizeOf(sps) {
  const bits = new Bits(sps.subarray(1));
  const profile = bits.take(8);
  bits.take(16);
  bits.number();
  const chroma = HIGH.has(profile) ? high(bits) : 1;
  bits.number();
  order(bits);
  bits.number();
  bits.take(1);
  let width = (bits.number() + 1) * 16;
  const rows = bits.number() + 1;
  const frames = bits.take(1);
  if (!frames) bits.take(1);
  bits.take(1);
  let height = rows * 16 * (2 - frames);
  if (bits.take(1)) {
    const [left, right, top, bottom] = [bits.number(), bits.number(), bits.number(), bits.number()];
    width -= (left + right) * (chroma === 1 || chroma === 2 ? 2 : 1);
    height -= (top + bottom) * (chroma === 1 ? 2 : 1) * (2 - frames);
  }
  return [width, height];
}

function high(bits) {
  const chroma = bits.number();
  if (chroma === 3) bits.take(1);
  bits.number();
  bits.number();
  bits.take(1);
  if (bits.take(1)) for (let list = 0; list < (chroma === 3 ? 12 : 8); list++) if (bits.take(1)) scaling(bits, list < 6 ? 16 : 64);
  return chroma;
}

function scaling(bits, size) {
  let last = 8, next = 8;
  for (let at = 0; at < size; at++) {
    if (next) next = (last + bits.signed()) & 255;
    last = next || last;
  }
}

function order(bits) {
  const kind = bits.number();
  if (kind === 0) bits.number();
  if (kind !== 1) return;
  bits.take(1);
  bits.signed();
  bits.signed();
  for (let left = Math.min(bits.number(), 255); left > 0; left--) bits.signed();
}
