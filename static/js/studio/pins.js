/* The shelf: keys 1–9 pin, 0 unpins, arrows and dragging order. The highlight comes at once, the server confirms. */
import { post } from "./post.js";
import { refresh } from "./panels.js";

let root;
const rows = () => [...document.querySelectorAll("#goods > [data-item]")];

function mark(row) {
  for (const other of rows()) {
    const is = other === row;
    other.classList.toggle("is-pinned", is);
    other.querySelector(".pin")?.setAttribute("aria-pressed", is);
    other.querySelector(".pin")?.classList.toggle("btn--primary", is);
  }
}

async function pin(row) {
  const button = row.querySelector(".pin");
  if (!button) return;
  const off = row.classList.contains("is-pinned");
  mark(off ? null : row);
  if (!(await post(off ? root.dataset.unpinUrl : button.dataset.pinUrl))) refresh("shelf");
}

function key(event) {
  const field = event.target.closest("input, textarea, select, [contenteditable]");
  if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (/^[1-9]$/.test(event.key)) {
    const row = rows().find((one) => one.dataset.number === event.key);
    if (row && !row.classList.contains("is-pinned")) pin(row);
  } else if (event.key === "0") {
    const row = rows().find((one) => one.classList.contains("is-pinned"));
    if (row) pin(row);
  } else if (event.key === "/") {
    document.getElementById("add-goods")?.click();
  } else return;
  event.preventDefault();
}

const save = () => post(document.getElementById("goods").dataset.orderUrl, { ids: rows().map((row) => row.dataset.item).join(" ") });

function step(button) {
  const row = button.closest("[data-item]");
  const up = button.dataset.step === "up";
  const other = up ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (up) other.before(row);
  else other.after(row);
  button.focus();
  save();
}

function drag() {
  let row = null;
  let before = "";
  root.addEventListener("dragstart", (event) => {
    row = event.target.closest?.("[data-item]");
    before = rows().map((one) => one.dataset.item).join();
    row?.classList.add("is-dragged");
  });
  root.addEventListener("dragover", (event) => {
    const over = row && event.target.closest?.("#goods > [data-item]");
    if (!over) return;
    event.preventDefault();
    if (over === row) return;
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(row);
    else over.after(row);
  });
  root.addEventListener("dragend", () => {
    row?.classList.remove("is-dragged");
    if (row && before !== rows().map((one) => one.dataset.item).join()) save();
    row = null;
  });
}

export function start(main) {
  root = main;
  document.addEventListener("keydown", key);
  root.addEventListener("click", (event) => {
    const button = event.target.closest(".pin, [data-step]");
    if (!button) return;
    event.preventDefault();
    if (button.dataset.step) step(button);
    else pin(button.closest("[data-item]"));
  });
  drag();
}
