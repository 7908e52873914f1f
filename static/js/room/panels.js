/* Puts new panel HTML in place. What did not change stays the same node, and what a person types, focuses or scrolled stays hers. */

const KEYS = ["deal", "coupon", "item", "key"];
const sources = new WeakMap();
const touched = new WeakSet();

document.addEventListener("input", ({ target }) => touched.add(target));

const keyOf = (node) => KEYS.map((name) => node.dataset?.[name] && `${name}:${node.dataset[name]}`).find(Boolean) || node.id || "";

/* Remembers the server's own HTML of each child, before scripts touch it. */
export function remember(panel) {
  for (const child of panel.children) sources.set(child, child.outerHTML);
}

export function swap(name, html) {
  const panel = document.getElementById(`panel-${name}`);
  if (!panel) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const [moving, moved] = [panel, fresh.content].map((part) => part.querySelector("[data-moving]"));
  if (moving && moved && isFilledIn(panel)) return draw(name, moving, moved.childNodes);
  const old = new Map([...panel.children].map((child) => [keyOf(child), child]));
  for (const child of [...fresh.content.children]) {
    const before = keyOf(child) && old.get(keyOf(child));
    if (before && sources.get(before) === child.outerHTML) child.replaceWith(before);
    else sources.set(child, child.outerHTML);
  }
  draw(name, panel, fresh.content.childNodes);
}

/* A form in use stays, with its open lists and what the server said of it: only the part that moves by itself is drawn anew. */
const isFilledIn = (panel) =>
  [...panel.querySelectorAll("details[open] form")].some(
    (form) => form.contains(document.activeElement) || form.querySelector("[role=alert]") || [...form.elements].some((field) => touched.has(field)),
  );

function draw(name, part, fresh) {
  const kept = hold(part);
  part.replaceChildren(...fresh);
  giveBack(part, kept);
  globalThis.htmx?.process(part);
  part.dispatchEvent(new CustomEvent("panel", { bubbles: true, detail: name }));
}

function hold(panel) {
  const active = panel.contains(document.activeElement) ? document.activeElement : null;
  return {
    scroll: [panel.scrollLeft, panel.scrollTop],
    focus: active && { path: pathTo(active, panel), from: active.selectionStart, to: active.selectionEnd },
    typed: [...panel.querySelectorAll("input[name]:not([type=file]), textarea[name], select[name]")].filter((field) => touched.has(field)).map(typedOf),
    open: [...panel.querySelectorAll("details[open][id]")].map((node) => node.id),
  };
}

function giveBack(panel, kept) {
  for (const { path, value, checked } of kept.typed) {
    const field = panel.querySelector(path);
    if (!field) continue;
    if (checked == null) field.value = value;
    else field.checked = checked;
    touched.add(field);
  }
  for (const id of kept.open) document.getElementById(id)?.setAttribute("open", "");
  if (kept.focus) refocus(panel, kept.focus);
  [panel.scrollLeft, panel.scrollTop] = kept.scroll;
}

/* What is in a field, and how to find it again: two forms may have fields of one name. */
function typedOf(field) {
  const isBox = ["checkbox", "radio"].includes(field.type);
  const form = field.form?.getAttribute("action");
  const within = form ? `form[action="${CSS.escape(form)}"] ` : "";
  const path = field.id ? `#${CSS.escape(field.id)}` : `${within}[name="${CSS.escape(field.name)}"]${isBox ? `[value="${CSS.escape(field.value)}"]` : ""}`;
  return { path, value: field.value, checked: isBox ? field.checked : null };
}

function refocus(panel, { path, from, to }) {
  const node = path && panel.querySelector(path);
  if (!node) return;
  node.focus({ preventScroll: true });
  if (from != null && node.setSelectionRange) node.setSelectionRange(from, to);
}

/* How to find the same thing again after the swap: its id, or its name or tag within its keyed card. */
function pathTo(node, panel) {
  if (node.id) return `#${CSS.escape(node.id)}`;
  const card = node.closest(KEYS.map((name) => `[data-${name}]`).join(","));
  const own = node.getAttribute("name") ? `[name="${CSS.escape(node.getAttribute("name"))}"]` : node.tagName.toLowerCase();
  if (!card || !panel.contains(card)) return own;
  const name = KEYS.find((key) => card.dataset[key]);
  return `[data-${name}="${CSS.escape(card.dataset[name])}"] ${own}`;
}

export function start(socket) {
  for (const panel of document.querySelectorAll("[data-panel]")) remember(panel);
  const all = ({ panels }) => Object.entries(panels || {}).forEach(([name, html]) => swap(name, html));
  socket.on("state", all);
  socket.on("snap", all);
}
