/* Keys for the drops: D presses the next planned deal, C the next coupon; with none planned they open the form to plan one. */
const KEYS = { d: "deal", c: "coupon" };

export function start() {
  document.addEventListener("keydown", (event) => {
    const kind = KEYS[event.key.toLowerCase()];
    if (!kind || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const button = document.querySelector(`#panel-drops [data-drop="${kind}"]:not(:disabled), #panel-drops [data-key="${event.key.toUpperCase()}"]:not(:disabled)`);
    event.preventDefault();
    if (button) button.click();
    else plan(kind);
  });
}

function plan(kind) {
  const form = document.getElementById(`plan-${kind}`);
  if (!form) return;
  form.open = true;
  form.scrollIntoView({ block: "nearest" });
  form.querySelector("select, input:not([type=hidden])").focus();
}
