/* Back in the running show: its recording plays on the stage, chat and goods stay of now, and one tap leads to the present again. */
import { toast } from "../toast.js";

const STEP_S = 30;
const LEAST_S = 5;
const LOOK_MS = 2000;
const RENEW_MS = 20_000;
const SOON_MS = 4000;
const AHEAD_S = 12;
const NEAR_S = 5;

let box, bar, slider, clock, film, video, stage, told, timer, seen;

/* `stage` has take(video), giveBack() and isMuted. */
export function start(owner) {
  stage = owner;
  box = document.getElementById("rewind");
  if (!box) return;
  [bar, slider, clock] = [".rewind__bar", "input", "output"].map((name) => box.querySelector(name));
  box.addEventListener("click", ({ target }) => {
    if (target.closest("[data-back]")) back(STEP_S);
    if (target.closest("[data-to-live]")) toLive();
  });
  slider.addEventListener("input", () => write(Number(slider.value)));
  slider.addEventListener("change", () => seek(Number(slider.value)));
}

export const isPast = () => Boolean(video);

/* The show's table of recordings, as the stage panel names it; none, no way back. */
export function offer(url) {
  if (!box) return;
  told = url || "";
  box.hidden = !told && !video;
}

async function back(seconds) {
  if (video) return seek(video.currentTime - seconds);
  try {
    const table = await ask(0);
    const end = table.duration / 1000;
    if (end < LEAST_S) return toast(box.dataset.early);
    await open(table, Math.max(0, end - seconds));
  } catch {
    toast(box.dataset.early);
  }
}

async function ask(after) {
  const answer = await fetch(`${told}?after=${Math.round(after)}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  seen = Date.now();
  return answer.json();
}

async function open(table, at) {
  const { Film } = await import("../video/film.js");
  video = document.createElement("video");
  Object.assign(video, { muted: stage.isMuted, playsInline: true });
  video.className = "stage__video";
  film = new Film(video, table, () => film && toLive());
  if (!film.source && !byPlaylist(table)) throw new Error("no way to play it");
  video.addEventListener("loadedmetadata", () => (video.currentTime = at), { once: true });
  video.addEventListener("timeupdate", ({ target }) => write(target.currentTime));
  stage.take(video);
  box.classList.add("is-past");
  bar.hidden = false;
  bar.querySelector("[data-to-live]").focus({ preventScroll: true });
  write(at);
  play();
  timer = setInterval(() => (film.end - video.currentTime < AHEAD_S || Date.now() - seen > RENEW_MS) && renew(), LOOK_MS);
}

/* Browsers without MediaSource play the same recordings as HLS, as far as they went. */
function byPlaylist(table) {
  if (!video.canPlayType("application/vnd.apple.mpegurl")) {
    film = video = null;
    return false;
  }
  video.src = told.replace("film.json", "index.m3u8");
  film = { end: table.duration / 1000, extend() {}, stop() {} };
  return true;
}

async function play() {
  try {
    await video?.play();
  } catch (error) {
    if (error.name !== "NotAllowedError" || !video) return;
    video.muted = true;
    video.play().catch(() => {});
  }
}

/* What was recorded meanwhile: asked for where the known table ends. */
async function renew() {
  if (!film || Date.now() - seen < SOON_MS) return;
  try {
    film.extend(await ask(Math.max(0, film.end * 1000 - 1)));
  } catch {
    // Away for a moment: what is known plays on.
  }
}

const edge = () => film.end + (Date.now() - seen) / 1000;

async function seek(at) {
  if (!film) return;
  if (at >= film.end - AHEAD_S) await renew();
  if (!film || at >= edge() - NEAR_S) return toLive();
  video.currentTime = Math.max(0, Math.min(at, film.end - 1));
  write(video.currentTime);
  play();
}

function write(at) {
  if (!film) return;
  const end = edge();
  slider.max = String(Math.floor(end));
  if (document.activeElement !== slider || !slider.matches(":active")) slider.value = String(at);
  const behind = Math.max(0, Math.round(end - at));
  const text = `−${Math.floor(behind / 60)}:${String(behind % 60).padStart(2, "0")}`;
  if (clock.textContent !== text) clock.textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

export function toLive() {
  const wasPast = Boolean(video);
  close();
  if (wasPast) stage.giveBack();
}

/* The picture goes, the stage decides what follows. */
export function close() {
  clearInterval(timer);
  if (!box) return;
  bar.hidden = true;
  box.classList.remove("is-past");
  const old = video;
  film?.stop();
  film = video = null;
  box.hidden = !told;
  if (!old) return;
  URL.revokeObjectURL(old.src);
  old.removeAttribute("src");
  old.load();
  old.remove();
}
