/* The stage's picture moves: loaded only when the room has a stream. Muted until the viewer wants sound. */
import { Player } from "../video/player.js";
import { keepSound, wantsSound } from "../video/sound.js";
import { watch } from "../watching.js";
import * as mini from "./mini.js";
import * as rewind from "./rewind.js";

const RETRY_MS = 15_000;
let player, video, root, sound, retry;

export function start(room, socket) {
  if (!root) {
    root = room;
    sound = document.getElementById("sound");
    sound.addEventListener("click", unmute);
    socket.on("over", stop);
    addEventListener("pagehide", (event) => event.persisted && stop());
    addEventListener("pageshow", (event) => event.persisted && follow());
    mini.start(() => (root.dataset.playing ? video : null));
    rewind.start({ take, giveBack, get isMuted() { return video ? video.muted : !wantsSound(); } });
  }
  follow();
}

/* What the stage panel says now. Who looks at the past is left there while the show goes on or waits. */
export function follow() {
  const told = document.querySelector("#panel-stage [data-video]");
  const isWaiting = document.querySelector("#panel-stage [data-state='interrupted']");
  if (told || !isWaiting) rewind.offer(told?.dataset.film);
  if (!told && !isWaiting) return over();
  if (rewind.isPast()) return;
  if (told && !player) play(told.dataset);
  else if (told && player.kind === "" && player.session !== told.dataset.video) restart(told.dataset);
}

/* From the top of the ladder, when the picture stands still. */
export function again() {
  const told = document.querySelector("#panel-stage [data-video]");
  if (told && !rewind.isPast()) restart(told.dataset);
}

function restart(told) {
  stop();
  play(told);
}

function play({ video: session, hls }) {
  show(document.createElement("video"), { muted: !wantsSound(), autoplay: true });
  video.addEventListener("player", ({ detail }) => heard(detail));
  player = new Player(video, { live: root.dataset.live, hls, ticket });
  player.session = session;
  if ("slug" in root.dataset && root.matches(".room")) watch(root.dataset.slug);
}

/* The one picture on the stage, live or of the past. */
function show(picture, facts) {
  const old = video;
  video = picture;
  Object.assign(video, { playsInline: true, disablePictureInPicture: true, ...facts });
  video.className = "stage__video";
  video.setAttribute("playsinline", "");
  video.addEventListener("resize", shape);
  video.addEventListener("loadedmetadata", shape);
  mini.put(video, (moved) => root.querySelector(".stage__hero").after(moved));
  old?.remove();
}

/* The page's own join ticket first; a fresh one when it is too old. */
async function ticket(isStale) {
  if (!isStale) return root.dataset.ticket;
  try {
    const answer = await fetch(root.dataset.ticketUrl, { headers: { Accept: "application/json" } });
    root.dataset.ticket = (await answer.json()).ticket;
  } catch {
    // Still offline: the next try asks again.
  }
  return root.dataset.ticket;
}

function heard(state) {
  if (!player) return;
  if (state === "playing") root.dataset.playing = player.kind;
  if (state === "failed") {
    delete root.dataset.playing;
    clearTimeout(retry);
    retry = setTimeout(again, RETRY_MS);
  }
  root.toggleAttribute("data-buffering", state === "waiting");
  offerSound(state === "blocked");
}

function offerSound(isBlocked = false) {
  sound.hidden = !(isBlocked || (root.dataset.playing && video?.muted));
  sound.dataset.is = isBlocked ? "play" : "sound";
}

function unmute() {
  video.muted = false;
  keepSound(true);
  video.play();
  if (player) player.state = "playing";
  sound.hidden = true;
}

/* A picture of the past takes the stage; the live one is not fetched meanwhile. */
function take(past) {
  clearTimeout(retry);
  player?.stop();
  player = null;
  show(past, {});
  past.addEventListener("playing", () => video === past && offerSound());
  root.dataset.playing = "past";
  root.removeAttribute("data-buffering");
}

function giveBack() {
  video = null;
  delete root.dataset.playing;
  follow();
}

/* A wide picture on an upright phone stands in the upper half instead of losing its sides. */
function shape() {
  video.classList.toggle("is-wide", video.videoWidth > video.videoHeight);
  video.style.setProperty("--shape", `${video.videoWidth} / ${video.videoHeight}`);
}

/* Nothing is fetched any more until `start`. */
export const rest = () => stop();

function over() {
  watch("");
  stop();
}

function stop() {
  clearTimeout(retry);
  rewind.close();
  player?.stop();
  video?.remove();
  player = video = null;
  mini.hide();
  if (sound) sound.hidden = true;
  delete root.dataset.playing;
  root.removeAttribute("data-buffering");
}
