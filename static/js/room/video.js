/* The stage's picture moves: loaded only when the room has a stream. Muted until the viewer wants sound. */
import { Player } from "../video/player.js";

const SOUND = "sound";
const RETRY_MS = 15_000;
let player, video, root, sound, retry;

export function start(room, socket) {
  if (!root) {
    root = room;
    sound = document.getElementById("sound");
    sound.addEventListener("click", unmute);
    socket.on("over", stop);
    addEventListener("pagehide", (event) => event.persisted && stop());
  }
  follow();
}

/* What the stage panel says now. */
export function follow() {
  const told = document.querySelector("#panel-stage [data-video]");
  const isWaiting = document.querySelector("#panel-stage [data-state='interrupted']");
  if (told && !player) play(told.dataset);
  else if (told && player.kind === "" && player.session !== told.dataset.video) restart(told.dataset);
  else if (!told && !isWaiting) stop();
}

/* From the top of the ladder, when the picture stands still. */
export function again() {
  const told = document.querySelector("#panel-stage [data-video]");
  if (told) restart(told.dataset);
}

function restart(told) {
  stop();
  play(told);
}

function play({ video: session, hls }) {
  video = document.createElement("video");
  Object.assign(video, { muted: !wantsSound(), playsInline: true, autoplay: true, disablePictureInPicture: true });
  video.className = "stage__video";
  video.setAttribute("playsinline", "");
  video.addEventListener("player", ({ detail }) => show(detail));
  video.addEventListener("resize", shape);
  video.addEventListener("loadedmetadata", shape);
  root.querySelector(".stage__hero").after(video);
  player = new Player(video, { live: root.dataset.live, hls, ticket });
  player.session = session;
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

const wantsSound = () => {
  try {
    return sessionStorage.getItem(SOUND) === "on";
  } catch {
    return false;
  }
};

function show(state) {
  if (state === "playing") root.dataset.playing = player.kind;
  if (state === "failed") {
    delete root.dataset.playing;
    clearTimeout(retry);
    retry = setTimeout(again, RETRY_MS);
  }
  root.toggleAttribute("data-buffering", state === "waiting");
  sound.hidden = !(state === "blocked" || (root.dataset.playing && video.muted));
  sound.dataset.is = state === "blocked" ? "play" : "sound";
}

function unmute() {
  video.muted = false;
  try {
    sessionStorage.setItem(SOUND, "on");
  } catch {
    // Private windows may not keep it.
  }
  video.play();
  player.state = "playing";
  sound.hidden = true;
}

/* A wide picture on an upright phone stands in the upper half instead of losing its sides. */
function shape() {
  video.classList.toggle("is-wide", video.videoWidth > video.videoHeight);
  video.style.setProperty("--shape", `${video.videoWidth} / ${video.videoHeight}`);
}

function stop() {
  clearTimeout(retry);
  player?.stop();
  video?.remove();
  player = video = null;
  if (sound) sound.hidden = true;
  delete root.dataset.playing;
  root.removeAttribute("data-buffering");
}
