// A button with data-copy="#field" copies that field and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.querySelector(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // Plain http on a LAN has no clipboard API.
  }
  button.textContent = button.dataset.done;
});
