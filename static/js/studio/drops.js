/* Keys for the drops: D presses the next deal, C the next coupon. What they do is the buttons' own business. */
const KEYS = { d: "deal", c: "coupon" };

export function start() {
  document.addEventListener("keydown", (event) => {
    const kind = KEYS[event.key.toLowerCase()];
    if (!kind || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const button = document.querySelector(`#panel-drops [data-drop="${kind}"]:not(:disabled), #panel-drops [data-key="${event.key.toUpperCase()}"]:not(:disabled)`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
}
