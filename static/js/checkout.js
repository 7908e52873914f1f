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

/* What is missing is said on the page, in its language and in sight, instead of by the browser's bubble under the footer. */
const wordFor = (input) => input.form?.querySelector(`[data-missing="${input.name}"]`);

document.addEventListener("invalid", (event) => {
  const input = event.target;
  const word = input.closest("[data-checkout]") && wordFor(input);
  if (!word) return;
  event.preventDefault();
  word.hidden = false;
  input.setAttribute("aria-invalid", "true");
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  input.closest("label").scrollIntoView({ block: "center", behavior: isCalm ? "auto" : "smooth" });
  input.focus({ preventScroll: true });
}, true);

document.addEventListener("change", (event) => {
  const word = event.target.closest?.("[data-checkout]") && event.target.name && wordFor(event.target);
  if (!word) return;
  word.hidden = event.target.checkValidity();
  event.target.removeAttribute("aria-invalid");
});

document.addEventListener("htmx:afterSettle", () => {
  const title = document.getElementById("sheet-title");
  const named = document.querySelector("#sheet [data-sheet-title]#checkout");
  if (title && named) title.textContent = named.dataset.sheetTitle;
});
