/* A person's own results come as `<div data-for-deal|data-for-coupon>` blocks; each goes over its card's action area. */

const SLOT = "[data-panel='drops'] [data-slot='action']";
const blocks = new Map();
let holder;

export function start(socket) {
  holder = document.getElementById("mine");
  read(holder.innerHTML, true);
  placeAll();
  socket.on("mine", ({ html }) => {
    read(html, true);
    placeAll();
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => keepShared(detail.target));
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.target.matches(SLOT) && place(detail.target.innerHTML));
  document.addEventListener("panel", (event) => event.detail === "drops" && placeAll());
}

/* One more answer, beside what is known. */
export function place(html) {
  read(html, false);
  placeAll();
}

const idOf = (node) => (node.dataset.forDeal ? `deal:${node.dataset.forDeal}` : `coupon:${node.dataset.forCoupon}`);

function read(html, isAll) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const found = fresh.content.querySelectorAll("[data-for-deal], [data-for-coupon]");
  const told = new Set([...found].map(idOf));
  if (isAll) for (const id of blocks.keys()) if (!told.has(id)) drop(id);
  for (const node of found) {
    const before = blocks.get(idOf(node));
    if (before?.source !== node.outerHTML) blocks.set(idOf(node), { source: node.outerHTML });
  }
}

/* What everybody sees below a personal answer comes back when the answer goes. */
function keepShared(slot) {
  if (slot.matches(SLOT)) slot.shared ??= [...slot.childNodes];
}

function drop(id) {
  blocks.delete(id);
  const [kind, target] = id.split(":");
  const slot = slotOf(kind, target);
  if (slot?.shared) slot.replaceChildren(...slot.shared);
  if (slot) delete slot.shared;
}

const slotOf = (kind, target) => document.querySelector(`[data-panel="drops"] [data-${kind}="${CSS.escape(target)}"] [data-slot="action"]`);

export function placeAll() {
  holder.replaceChildren();
  for (const [id, { source }] of blocks) {
    const [kind, target] = id.split(":");
    const slot = slotOf(kind, target);
    if (slot?.dataset.shows) continue;
    if (!slot) {
      holder.insertAdjacentHTML("beforeend", source);
      continue;
    }
    if (slot.firstElementChild?.outerHTML === source) continue;
    keepShared(slot);
    slot.innerHTML = source;
    globalThis.htmx?.process(slot);
  }
  globalThis.htmx?.process(holder);
}
