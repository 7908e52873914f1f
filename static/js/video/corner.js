/* The show goes on small in a corner of the pages a viewer opens from it: goods, checkout, payment, orders. */
import { Player } from "./player.js";
import { keepSound, wantsSound } from "./sound.js";
import { watch } from "../watching.js";

const DRAG_PX = 8;
const MARGIN_PX = 6;
let box, video, player;

export async function open(slug) {
  const answer = await fetch(`/live/${encodeURIComponent(slug)}/corner`, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.status !== 200) return answer && watch("");
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  box = holder.content.firstElementChild;
  document.body.append(box);
  video = box.querySelector("video");
  video.muted = !wantsSound();
  video.addEventListener("player", ({ detail }) => show(detail));
  video.addEventListener("loadedmetadata", shape);
  video.addEventListener("volumechange", tellSound);
  box.querySelector("[data-sound]").addEventListener("click", switchSound);
  box.querySelector("[data-close]").addEventListener("click", close);
  addEventListener("pagehide", () => player.stop());
  addEventListener("pageshow", (event) => event.persisted && box.isConnected && begin());
  drag(box.querySelector(".corner__stage"));
  for (const name of ["scroll", "resize"]) addEventListener(name, clear, { passive: true });
  tellSound();
  begin();
}

/* Never over the button that buys, wherever that has come to: then it stands above it. */
function clear() {
  box.style.removeProperty("--under");
  const bar = document.querySelector(".product__buy, .checkout__foot")?.getBoundingClientRect();
  const small = box.getBoundingClientRect();
  const isInTheWay = bar && bar.bottom > small.top && bar.top < small.bottom && bar.right > small.left;
  if (isInTheWay) box.style.setProperty("--under", `${innerHeight - bar.top}px`);
}

/* It stands in nobody's way: a finger moves it, and a move is no tap. */
function drag(handle) {
  let from = null, hasMoved = false;
  handle.draggable = false;
  handle.addEventListener("pointerdown", (event) => {
    const { left, top } = box.getBoundingClientRect();
    from = { x: event.clientX - left, y: event.clientY - top, at: [event.clientX, event.clientY] };
    hasMoved = false;
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (!from || (!hasMoved && Math.hypot(clientX - from.at[0], clientY - from.at[1]) < DRAG_PX)) return;
    hasMoved = true;
    const within = (wanted, most) => `${Math.max(MARGIN_PX, Math.min(wanted, most - MARGIN_PX))}px`;
    box.style.left = within(clientX - from.x, document.documentElement.clientWidth - box.offsetWidth);
    box.style.top = within(clientY - from.y, innerHeight - box.offsetHeight);
    Object.assign(box.style, { right: "auto", bottom: "auto" });
  });
  for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, () => (from = null));
  handle.addEventListener("click", (event) => hasMoved && event.preventDefault());
}

function begin() {
  player = new Player(video, { live: box.dataset.live, hls: box.dataset.hls, ticket });
}

async function ticket(isStale) {
  if (!isStale) return box.dataset.ticket;
  try {
    const answer = await fetch(box.dataset.ticketUrl, { headers: { Accept: "application/json" } });
    box.dataset.ticket = (await answer.json()).ticket;
  } catch {
    // Still offline: the next try asks again.
  }
  return box.dataset.ticket;
}

/* Hidden until there is a picture, and again while the stream is away. */
function show(state) {
  if (state === "failed") return remove();
  if (state === "off") box.hidden = true;
  if (state === "playing") box.hidden = false;
  clear();
}

function shape() {
  box.style.setProperty("--shape", `${video.videoWidth} / ${video.videoHeight}`);
  box.classList.toggle("is-wide", video.videoWidth > video.videoHeight);
  clear();
}

function switchSound() {
  video.muted = !video.muted;
  keepSound(!video.muted);
}

function tellSound() {
  const button = box.querySelector("[data-sound]");
  button.setAttribute("aria-pressed", String(!video.muted));
  button.classList.toggle("is-off", video.muted);
}

function close() {
  watch("");
  remove();
}

function remove() {
  player.stop();
  box.remove();
}
