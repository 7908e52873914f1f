/* The quantity's − and + in a checkout. Everything else there is the server's answer to a change. */
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
