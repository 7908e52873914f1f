/* Light or dark, which part a phone shows, and small conveniences of forms. */

function show(root, name) {
  root.dataset.tab = name;
  for (const button of document.querySelectorAll("[data-to]")) button.setAttribute("aria-pressed", button.dataset.to === name);
  if (name === "chat") document.getElementById("talk-log").scrollTop = 1e9;
}

export function start(root) {
  const theme = document.getElementById("theme");
  theme.addEventListener("click", () => {
    const isDark = document.body.classList.toggle("dark");
    theme.setAttribute("aria-pressed", isDark);
    document.cookie = `studio_theme=${isDark ? "dark" : "light"};path=/studio;max-age=31536000;samesite=lax`;
  });
  root.classList.add("has-script");
  root.addEventListener("click", (event) => {
    const to = event.target.closest("[data-to]");
    if (to) return show(root, to.dataset.to);
    const fix = event.target.closest("[data-fix]");
    if (!fix) return;
    const panel = document.getElementById(`panel-${fix.dataset.fix}`);
    const part = [...panel.closest(".blk").classList].find((name) => name.startsWith("blk--"));
    if (part) show(root, part.slice(5));
    panel.querySelector("a.btn, textarea, input, button")?.focus();
  });
  root.addEventListener("change", (event) => event.target.matches("[data-send]") && event.target.form.submit());
}
