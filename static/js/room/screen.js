/* The room on a wall: the same connection and panels, nothing to tap, and it looks after itself for as long as the power is on. */
import { lineFrom } from "../line.js";
import { Socket } from "./socket.js";
import * as bars from "./bars.js";
import * as clock from "./clock.js";
import * as connection from "./connection.js";
import * as numbers from "./numbers.js";
import * as panels from "./panels.js";
import { pinned } from "./stage.js";
import { keepSound } from "../video/sound.js";

const KEEP = 40;
const LOOK_MS = 5000;
const STILL_MS = 20_000;
const LOST_MS = 60_000;
const OLD_MS = 6 * 3600_000;

const root = document.querySelector("main.screen");
const socket = new Socket(root);
const list = document.getElementById("chat");
let video, playing, movedAt = Date.now(), lostAt = 0;
const began = Date.now();

function take({ chat = [], gone = [] }) {
  for (const { id, html } of chat) {
    if (list.querySelector(`[data-line="${CSS.escape(id)}"]`)) continue;
    const line = lineFrom(html);
    line.classList.add("line--new");
    list.append(line);
  }
  for (const id of gone) list.querySelector(`[data-line="${CSS.escape(id)}"]`)?.remove();
  while (list.children.length > KEEP) list.firstElementChild.remove();
}

/* Sound from the start where the browser lets it; else with any key of the remote control. */
keepSound(true);
for (const name of ["keydown", "pointerdown"]) {
  addEventListener(name, ({ target }) => {
    const button = document.getElementById("sound");
    if (!button.hidden && !button.contains(target)) button.click();
  });
}

async function stayAwake() {
  if (document.visibilityState !== "visible" || !navigator.wakeLock) return;
  try {
    const lock = await navigator.wakeLock.request("screen");
    root.dataset.awake = "";
    lock.addEventListener("release", () => delete root.dataset.awake);
  } catch {
    // Low battery, or no permission: the moving picture keeps most screens on.
  }
}

function watch() {
  if (video || document.querySelector("#panel-stage [data-video]")) (video ??= import("./video.js")).then((loaded) => {
    playing = loaded;
    loaded.start(root, socket);
  });
}

/* A picture that stands still although there is a stream begins again; a page that lost its site, or is old, is loaded anew once that works. */
async function look() {
  const now = Date.now();
  const picture = document.querySelector("video.stage__video");
  if (!document.querySelector("#panel-stage [data-video]") || picture?.currentTime !== look.seen) movedAt = now;
  look.seen = picture?.currentTime;
  if (now - movedAt > STILL_MS) {
    movedAt = now;
    playing?.again();
  }
  const isBusy = document.querySelector("#panel-drops [data-deal][data-phase='now'][data-state='open']");
  const isOld = now - began > OLD_MS && !isBusy;
  if (isOld || (lostAt && now - lostAt > LOST_MS)) await renew();
  if (!("awake" in root.dataset)) stayAwake();
}

async function renew() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (answer.ok) location.reload();
  } catch {
    // Still away: what is on the wall stays, which is better than an error page.
  }
}

panels.start(socket);
clock.start(socket);
bars.start(socket);
numbers.start(socket);
connection.start(socket);
for (const frame of ["tick", "state", "snap"]) socket.on(frame, take);
socket.on("down", () => (lostAt ||= Date.now()));
socket.on("up", () => (lostAt = 0));
socket.on("over", () => (lostAt ||= Date.now()));
document.addEventListener("panel", ({ detail }) => {
  if (detail === "pin") pinned();
  if (detail === "stage") watch();
});
document.addEventListener("visibilitychange", stayAwake);
socket.start();
watch();
stayAwake();
setInterval(look, LOOK_MS);
