/* Keeps the panels fresh: by the room's events, by actions of this page, and the moving figures by time. */
import { remember, swap } from "../room/panels.js";

let root, seen;
const wanted = new Set();

const panelOf = (name) => document.getElementById(`panel-${name}`);
const all = () => [...document.querySelectorAll("[id^='panel-']")];
const nameOf = (panel) => panel.id.slice("panel-".length);

export function refresh(...names) {
  if (!wanted.size) queueMicrotask(fetchWanted);
  for (const name of names) if (panelOf(name)) wanted.add(name);
}

function fetchWanted() {
  const names = [...wanted];
  wanted.clear();
  for (const name of names) load(name);
}

async function load(name) {
  const url = panelOf(name).dataset.url || root.dataset.panelUrl.replace("NAME", name);
  const asked = (panelOf(name).asked = Symbol(name));
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    // Another part's panel may say no for its own reasons; ours says no when this person has no place here any more.
    if ([401, 403, 404].includes(answer.status) && !panelOf(name).dataset.url) return document.dispatchEvent(new Event("shut"));
    // Two requests may overtake each other: only the newest is drawn.
    if (answer.ok && panelOf(name).asked === asked) swap(name, await answer.text());
  } catch {
    // Offline: the connection says so, and catching up draws everything.
  }
}

const touches = (panel, kind) => (panel.dataset.on || "").split(" ").some((word) => word === "*" || word === kind || kind.startsWith(`${word}_`));

function event({ seq, since, kind }) {
  if (seq <= seen) return;
  const isOne = seq === seen + 1 || since === seen;
  const several = seq > seen + 1;
  seen = seq;
  const touched = all().filter((panel) => panel.dataset.on && (several || !isOne || touches(panel, kind)));
  refresh(...touched.map(nameOf));
}

export function start(socket, main) {
  root = main;
  seen = Number(root.dataset.seq) || 0;
  all().forEach(remember);
  socket.on("state", event);
  socket.on("snap", ({ seq }) => {
    seen = seq;
    refresh(...all().map(nameOf));
  });
  document.addEventListener("studio", ({ detail }) => refresh(...detail.panels));
  for (const panel of all()) {
    if (panel.dataset.every) setInterval(() => document.visibilityState === "visible" && refresh(nameOf(panel)), panel.dataset.every * 1000);
  }
}
