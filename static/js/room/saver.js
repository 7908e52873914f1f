/* Little data: no stream, a still of it every ten seconds, or the product where no stills are drawn; chat, shelf and deals as ever. */
import { isSaving, keepSaving } from "../saving.js";

const RENEW_MS = 10_000;
const AGAIN_MS = 1500; // for the first one, which may still be in drawing
let root, button, picture, timer, again, saves;

/* `changed()` is told when the viewer switches. */
export function start(room, changed) {
  root = room;
  button = document.getElementById("saver");
  saves = isSaving();
  button.addEventListener("click", () => {
    saves = !saves;
    keepSaving(saves);
    changed();
  });
}

const address = () => document.querySelector("#panel-stage [data-still]")?.dataset.still;

const streams = () => document.querySelector("#panel-stage [data-video]");

/* While there is a stream or its return is waited for. */
export const isOn = () => saves && Boolean(streams() || picture);

export function show() {
  tell();
  if (!streams()) return document.querySelector("#panel-stage [data-state='interrupted']") ? pause() : rest();
  if (!timer) timer = setInterval(renew, RENEW_MS);
  renew();
}

/* A new picture takes the place of the old one when it is there; none leaves the old one, or the product. */
function renew() {
  if (document.visibilityState !== "visible" || !address()) return;
  const fresh = new Image();
  fresh.alt = "";
  fresh.className = "stage__video is-still";
  fresh.onload = () => {
    if (!timer) return;
    fresh.classList.toggle("is-wide", fresh.naturalWidth > fresh.naturalHeight);
    fresh.style.setProperty("--shape", `${fresh.naturalWidth} / ${fresh.naturalHeight}`);
    root.querySelector(".stage__hero").after(fresh);
    picture?.remove();
    picture = fresh;
    root.dataset.playing = "still";
  };
  fresh.onerror = () => {
    clearTimeout(again);
    if (timer && !picture) again = setTimeout(renew, AGAIN_MS);
  };
  fresh.src = `${address()}?${Math.floor(Date.now() / 5000)}`;
}

function pause() {
  clearInterval(timer);
  clearTimeout(again);
  timer = 0;
}

export function rest() {
  pause();
  tell();
  if (!picture) return;
  picture.remove();
  picture = null;
  if (root.dataset.playing === "still") delete root.dataset.playing;
}

function tell() {
  button.hidden = !streams();
  button.setAttribute("aria-pressed", String(saves));
}
