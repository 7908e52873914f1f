/* Sheets: shelf, product, checkout, rules, share and sign-in rise over the show. The browser's dialog keeps the focus inside. */

let dialog, body, title, home;

export function start(root) {
  dialog = document.getElementById("sheet");
  [body, title] = ["sheet-body", "sheet-title"].map((id) => document.getElementById(id));
  dialog.addEventListener("close", putBack);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  document.addEventListener("click", clicked);
  addEventListener("popstate", () => dialog.open && dialog.close());
  document.addEventListener("htmx:afterSwap", (event) => event.detail.target === body && arrived());
  document.addEventListener("htmx:beforeSwap", signInFirst);
  document.addEventListener("htmx:sendError", (event) => event.detail.target === body && body.replaceChildren(copy("t-failed")));
  root.addEventListener("close-sheet", () => dialog.close());
}

const copy = (id) => document.getElementById(id).content.cloneNode(true);

function clicked(event) {
  const at = event.target;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const by = (selector) => at.closest(selector);
  if (by("[data-login]")) return stop(event, openLogin);
  if (by("[data-sheet-template]")) return stop(event, () => open(copy(by("[data-sheet-template]").dataset.sheetTemplate)));
  if (by("[data-sheet-node]")) return stop(event, () => openNode(by("[data-sheet-node]")));
  if (by("[data-copy]")) return stop(event, () => copyLink(by("[data-copy]")));
  const link = by("a[data-sheet], a[href^='/p/'], a[href^='/checkout']");
  if (link && !link.target && !link.hasAttribute("hx-get")) stop(event, () => openAt(link.getAttribute("href")));
}

function stop(event, act) {
  event.preventDefault();
  act();
}

export function openLogin() {
  open(copy("t-login"));
}

export function openAt(url) {
  open(copy("t-loading"));
  globalThis.htmx.ajax("GET", url, { target: body, swap: "innerHTML", source: body });
}

/* A guest's tap outside a sheet asks her to sign in over the show, instead of a refusal in the button's place. */
function signInFirst({ detail }) {
  if (detail.xhr.status !== 401 || dialog.contains(detail.target)) return;
  detail.shouldSwap = false;
  openLogin();
}

/* Moves a part of the page into the sheet and back, so that it stays the one the live updates know. */
function openNode(link) {
  const node = document.getElementById(link.dataset.sheetNode);
  const isAside = getComputedStyle(node).display !== "none" && !dialog.contains(node);
  if (isAside) return node.querySelector("a, button")?.focus();
  const place = document.createComment("");
  node.before(place);
  open(node, link.getAttribute("aria-label"));
  home = { node, place };
}

function open(content, name) {
  putBack();
  body.replaceChildren(content);
  title.textContent = name || titleOf();
  body.scrollTop = 0;
  if (!dialog.open) dialog.showModal();
  dialog.dispatchEvent(new Event("opened"));
}

const titleOf = () => body.querySelector("[data-sheet-title]")?.dataset.sheetTitle || body.querySelector("h1, h2")?.textContent || "";

function arrived() {
  title.textContent = titleOf();
  body.scrollTop = 0;
  body.focus({ preventScroll: true });
}

function putBack() {
  if (!home) return;
  home.place.replaceWith(home.node);
  home = null;
}

async function copyLink(button) {
  const field = document.querySelector(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy");
  }
  const before = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => (button.textContent = before), 2000);
}
