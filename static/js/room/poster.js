/* Draws share posters: the browser has the fonts for what people write. Words, pictures and the code come from the page. */

const [WIDTH, HEIGHT] = [750, 1334];
const [PICTURE, PICTURE_ALONE] = [752, 984]; // its height, above goods and without any
const FONT = '"PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", system-ui, sans-serif';
const INK = "#1c1512";

export function drawAll() {
  for (const area of document.querySelectorAll("[data-poster]:not([data-drawn])")) {
    area.dataset.drawn = "";
    draw(area).catch(() => area.querySelector("[data-failed]").removeAttribute("hidden")).finally(() => area.querySelector("[data-waiting]").remove());
  }
}

async function draw(area) {
  const [picture, thumb] = await Promise.all([load(area.dataset.picture), load(area.dataset.thumb)]);
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d");
  pen.textBaseline = "alphabetic";
  stage(pen, area.dataset, picture);
  if (area.dataset.price) goods(pen, area.dataset, thumb);
  foot(pen, area.dataset);
  show(area, canvas.toDataURL("image/png")); // not blob:, which browsers within chat apps cannot keep
}

/* Null for what does not load: a poster without its picture still leads to the room. */
async function load(address) {
  if (!address) return null;
  const image = new Image();
  image.src = address;
  return image.decode().then(
    () => image,
    () => null,
  );
}

function stage(pen, words, picture) {
  const end = words.price ? PICTURE : PICTURE_ALONE;
  pen.fillStyle = "#fff6ee";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = shade(pen, 0, end, "#ff4d2e", "#ff8a1f");
  pen.fillRect(0, 0, WIDTH, end);
  if (picture) cover(pen, picture, 0, 0, WIDTH, end);
  pen.fillStyle = shade(pen, end - 320, end, "rgb(20 8 4 / 0)", "rgb(20 8 4 / .86)");
  pen.fillRect(0, end - 320, WIDTH, 320);
  pen.font = `600 28px ${FONT}`;
  pen.fillStyle = "#d9381e";
  box(pen, 32, 32, pen.measureText(words.badge).width + 44, 56, 28);
  pen.fillStyle = "#fff";
  pen.fillText(words.badge, 54, 70);
  const lines = wrap(pen, words.title, `700 50px ${FONT}`, WIDTH - 80, 2);
  lines.forEach((line, at) => pen.fillText(line, 40, end - 84 - 64 * (lines.length - 1 - at)));
  pen.fillText(wrap(pen, words.who, `400 30px ${FONT}`, WIDTH - 80, 1)[0], 40, end - 32);
}

function goods(pen, words, thumb) {
  pen.fillStyle = "#fff";
  box(pen, 32, 784, WIDTH - 64, 208, 24);
  if (thumb) cover(pen, thumb, 52, 804, 168, 168, 16);
  const left = thumb ? 244 : 60;
  pen.fillStyle = INK;
  wrap(pen, words.product, `600 32px ${FONT}`, WIDTH - 64 - left, 2).forEach((line, at) => pen.fillText(line, left, 838 + 44 * at));
  pen.fillStyle = "#c92a10";
  pen.font = `700 34px ${FONT}`;
  pen.fillText("¥", left, 966);
  pen.font = `700 58px ${FONT}`;
  pen.fillText(words.price, left + 28, 966);
  const end = left + 36 + pen.measureText(words.price).width;
  pen.font = `400 28px ${FONT}`;
  pen.fillText(words.more || "", end, 966);
}

function foot(pen, words) {
  const [left, top, side] = [WIDTH - 32 - 276, 1024, 276];
  pen.fillStyle = "#fff";
  box(pen, left, top, side, side, 20);
  code(pen, words.code.split("/"), left, top, side);
  pen.fillStyle = INK;
  let at = 1040;
  const write = (text, font, height, most) => wrap(pen, text, `${font} ${FONT}`, left - 72, most).forEach((line) => pen.fillText(line, 40, (at += height)));
  write(words.call, "700 40px", 52, 2);
  write(words.why, "400 30px", 46, 1);
  pen.fillStyle = "#6b5d55";
  if (words.note) write(words.note, "400 22px", 34, 2);
  at = 1260;
  write(words.site, "400 22px", 32, 1);
}

/* Whole pixels a module, so that every edge is sharp. */
function code(pen, rows, left, top, side) {
  const cell = Math.floor(side / rows.length);
  const margin = Math.floor((side - cell * rows.length) / 2);
  pen.fillStyle = INK;
  rows.forEach((row, y) => [...row].forEach((dark, x) => dark === "1" && pen.fillRect(left + margin + x * cell, top + margin + y * cell, cell, cell)));
}

function cover(pen, image, x, y, width, height, round = 0) {
  const [w, h] = [image.naturalWidth || width, image.naturalHeight || height];
  const scale = Math.max(width / w, height / h);
  pen.save();
  pen.beginPath();
  pen.roundRect(x, y, width, height, round);
  pen.clip();
  pen.drawImage(image, x + (width - w * scale) / 2, y + (height - h * scale) / 2, w * scale, h * scale);
  pen.restore();
}

function box(pen, x, y, width, height, round) {
  pen.beginPath();
  pen.roundRect(x, y, width, height, round);
  pen.fill();
}

function shade(pen, from, to, first, last) {
  const gradient = pen.createLinearGradient(0, from, 0, to);
  gradient.addColorStop(0, first);
  gradient.addColorStop(1, last);
  return gradient;
}

/* Lines no wider than that; Chinese breaks anywhere, other words whole where they fit. The last line ends in … when more was to come. */
function wrap(pen, text, font, width, most) {
  pen.font = font;
  const lines = [""];
  for (const word of text.trim().match(/[\u0021-\u024f]+\s?|./gsu) ?? []) {
    const fits = pen.measureText(lines.at(-1) + word.trimEnd()).width <= width;
    for (const piece of fits || pen.measureText(word).width <= width ? [word] : word) {
      if (pen.measureText(lines.at(-1) + piece.trimEnd()).width > width) lines.push("");
      lines[lines.length - 1] += piece;
    }
  }
  if (lines.length > most) {
    lines.length = most;
    let last = [...lines[most - 1].trimEnd()];
    while (last.length && pen.measureText(`${last.join("")}…`).width > width) last = last.slice(0, -1);
    lines[most - 1] = `${last.join("")}…`;
  }
  return lines;
}

function show(area, address) {
  const image = area.querySelector("img");
  image.src = address;
  image.hidden = false;
  const keep = area.parentElement.querySelector("[data-keep]");
  keep.href = address;
  keep.hidden = false;
  area.parentElement.querySelector("[data-how]").hidden = false;
}

drawAll();
