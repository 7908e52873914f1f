/* Running times and “how long ago”, by the server's clock. */
import { left, serverNow } from "../room/clock.js";
import { refresh } from "./panels.js";

let seen = serverNow();

function ago(ms, words) {
  const s = Math.max(0, Math.floor((serverNow() - ms) / 1000));
  const [text, n] = s < 5 ? [words.now, 0] : s < 60 ? [words.s, s] : s < 3600 ? [words.m, Math.floor(s / 60)] : [words.h, Math.floor(s / 3600)];
  return text.replace("{n}", n);
}

function tick() {
  const words = document.getElementById("ago").dataset;
  for (const node of document.querySelectorAll("[data-ago]")) write(node, ago(Number(node.dataset.ago), words));
  for (const node of document.querySelectorAll("[data-since]")) if (node.dataset.since) write(node, left(serverNow() - node.dataset.since));
}

/* A drop that opened or ended by the clock says so at once: no event tells. */
function turn() {
  const now = serverNow();
  const turned = (ms) => ms && Number(ms) > seen && Number(ms) <= now;
  if ([...document.querySelectorAll("#panel-drops [data-starts]")].some(({ dataset }) => turned(dataset.starts) || turned(dataset.ends))) refresh("drops");
  seen = now;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function start() {
  setInterval(() => {
    tick();
    turn();
  }, 1000);
  document.addEventListener("panel", tick);
  tick();
}
