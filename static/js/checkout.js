/* The quantity's − and + in a checkout, and the sheet's title. Everything else there is the server's answer to a change. */
const bound = (input, value) => Math.min(Number(input.max), Math.max(Number(input.min), value));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-checkout] [data-step]");
  if (!button) return;
  const input = button.parentElement.querySelector("input");
  const value = bound(input, (Number(input.value) || 1) + Number(button.dataset.step));
  if (value === Number(input.value)) return;
  input.value = value;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("htmx:afterSettle", () => {
  const title = document.getElementById("sheet-title");
  const named = document.querySelector("#sheet [data-sheet-title]#checkout");
  if (title && named) title.textContent = named.dataset.sheetTitle;
});
