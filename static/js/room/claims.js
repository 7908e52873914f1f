/* Taps on a deal or coupon: asking → the true answer. One key a tap, kept until answered, so that a lost connection never makes two. */
import { uuid } from "./keys.js";
import { openLogin } from "./sheets.js";
import { placeAll, place } from "./mine.js";

const PATIENCE_MS = 2000;
const POLL_MS = 1000;
const CHECKING_MS = 1500;
const asks = new Map();
let socket, root, csrf;

export function start(wire, main) {
  [socket, root] = [wire, main];
  csrf = document.querySelector("#say [name=csrfmiddlewaretoken]").value;
  document.addEventListener("submit", tapped);
  socket.on("reply", (reply) => asks.has(reply.id) && settle(asks.get(reply.id), reply));
  socket.on("up", () => {
    asks.forEach(ask);
    socket.send({ c: "mine" });
  });
  // It is her turn in a line, or she fell behind and may have missed that.
  for (const frame of ["yours", "snap"]) socket.on(frame, () => socket.send({ c: "mine" }));
  document.addEventListener("panel", () => asks.forEach(show));
  root.addEventListener("due", () => socket.send({ c: "mine" }));
}

export const isAsking = () => asks.size > 0;

function tapped(event) {
  const form = event.target.closest("form[action$='/claims/'], form[action^='/coupons/'][action$='/take']");
  if (!form) return;
  event.preventDefault();
  if (!("signedIn" in root.dataset)) return openLogin();
  const card = form.closest("[data-deal], [data-coupon]");
  const deal = form.elements.deal?.value || card?.dataset.deal;
  const target = deal || form.elements.coupon?.value || card?.dataset.coupon || form.getAttribute("action").split("/")[2];
  if ([...asks.values()].some((other) => other.target === target)) return;
  const tap = { id: uuid(), target, isDeal: Boolean(deal), url: form.getAttribute("action"), at: Date.now(), template: "t-asking" };
  asks.set(tap.id, tap);
  show(tap);
  ask(tap);
}

const command = (tap) => (tap.isDeal ? { c: "claim", id: tap.id, deal: tap.target } : { c: "take_coupon", id: tap.id, coupon: tap.target });

function ask(tap) {
  clearTimeout(tap.timer);
  socket.send(command(tap));
  tap.timer = setTimeout(() => byPost(tap), PATIENCE_MS);
}

/* The socket has not answered: the same key by HTTP, again and again, until there is an answer. */
async function byPost(tap) {
  if (!asks.has(tap.id)) return;
  if (Date.now() - tap.at > CHECKING_MS) tap.template = "t-checking";
  show(tap);
  const body = new URLSearchParams({ key: tap.id, [tap.isDeal ? "deal" : "coupon"]: tap.target });
  const headers = { Accept: "application/json", "X-CSRFToken": csrf };
  try {
    const known = tap.wasPosted && tap.isDeal ? await fetch(`${root.dataset.claimUrl}${tap.id}`, { headers }) : null;
    const answer = known?.ok ? known : await fetch(tap.url, { method: "POST", headers, body });
    tap.wasPosted = true;
    const told = await answer.json();
    const isBusy = answer.status >= 500 || told.pending || answer.status === 202;
    if (!isBusy) return settle(tap, answer.ok ? { ok: true, ...told } : { ok: false, refused: told.refused || told, html: told.html });
  } catch {
    // Offline: keep asking.
  }
  tap.timer = setTimeout(() => byPost(tap), POLL_MS);
}

const cardOf = (tap) => document.querySelector(`[data-panel="drops"] [data-${tap.isDeal ? "deal" : "coupon"}="${CSS.escape(tap.target)}"]`);

function show(tap) {
  const slot = cardOf(tap)?.querySelector("[data-slot='action']");
  if (!slot || slot.dataset.shows === tap.template) return;
  slot.saved ??= [...slot.childNodes];
  slot.dataset.shows = tap.template;
  slot.replaceChildren(document.getElementById(tap.template).content.cloneNode(true));
}

function settle(tap, reply) {
  if (!asks.delete(tap.id)) return;
  clearTimeout(tap.timer);
  const slot = cardOf(tap)?.querySelector("[data-slot='action']");
  if (slot?.saved) {
    slot.replaceChildren(...slot.saved);
    delete slot.saved;
    delete slot.dataset.shows;
  }
  if (reply.refused?.code === "LOGIN_REQUIRED") return openLogin();
  if (reply.code === "WON") root.dispatchEvent(new Event("won"));
  if (reply.html) place(reply.html);
  else if (slot && reply.refused) explain(slot, reply.refused);
  placeAll();
  slot?.querySelector("a, button")?.focus({ preventScroll: true });
}

function explain(slot, { sentence, reason, next_step: next }) {
  slot.querySelector(".why")?.remove();
  const why = document.createElement("p");
  why.className = "why";
  why.setAttribute("role", "alert");
  const head = document.createElement("strong");
  head.textContent = sentence;
  why.append(head, [reason, next].filter(Boolean).join(" · "));
  slot.append(why);
}
