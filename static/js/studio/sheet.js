/* Sheets of the studio: goods to add, a person, the rows behind a number. */

let dialog, body, title;

export async function open(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer) return document.dispatchEvent(new CustomEvent("htmx:sendError"));
  body.innerHTML = await answer.text();
  title.textContent = body.querySelector("[data-sheet-title]")?.dataset.sheetTitle || "";
  globalThis.htmx?.process(body);
  if (!dialog.open) dialog.showModal();
  body.querySelector("[autofocus]")?.focus();
}

export function start(root) {
  [dialog, body, title] = ["sheet", "sheet-body", "sheet-title"].map((id) => document.getElementById(id));
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-sheet], [data-rows]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(link.href);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
