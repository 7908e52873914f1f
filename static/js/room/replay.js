/* A replay or a clip: the film, jumps to the products that were shown, and what was said as it was said. */
import { Film } from "../video/film.js";

const page = document.querySelector(".replay");
const video = document.getElementById("film");
const lines = [...document.querySelectorAll("#replay-talk li")];
const list = document.getElementById("replay-talk");
const [from, to] = [Number(page.dataset.from) / 1000 || 0, Number(page.dataset.to) / 1000 || Infinity];

const two = (number) => String(number).padStart(2, "0");
for (const node of document.querySelectorAll("[data-clock]")) {
  const seconds = Math.floor(node.dataset.clock / 1000);
  node.textContent = `${seconds >= 3600 ? `${Math.floor(seconds / 3600)}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function fallBack() {
  if (video.canPlayType("application/vnd.apple.mpegurl")) video.src = page.dataset.hls;
  else document.getElementById("film-failed").hidden = false;
}

async function begin() {
  try {
    const answer = await fetch(page.dataset.film, { headers: { Accept: "application/json" } });
    const film = new Film(video, await answer.json(), fallBack, true);
    if (film.source && from) video.addEventListener("loadedmetadata", () => (video.currentTime = from), { once: true });
  } catch {
    fallBack();
  }
}

/* A clip ends where the product was put away. */
video.addEventListener("timeupdate", () => {
  if (video.src.startsWith("blob:") && video.currentTime >= to && !video.paused) video.pause();
  told();
});
video.addEventListener("seeked", told);

function told() {
  const now = video.currentTime * 1000;
  const before = list?.scrollHeight - list?.clientHeight - list?.scrollTop < 40;
  for (const line of lines) line.hidden = line.dataset.at > now;
  if (before) list.scrollTop = list.scrollHeight;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-seek]");
  if (!button) return;
  video.currentTime = button.dataset.seek / 1000;
  video.play().catch(() => {});
});

begin();
