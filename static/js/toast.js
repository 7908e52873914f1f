/* A short line at the bottom that goes away by itself. */
const LIFE_MS = 4000;

export function toast(text, tone = "") {
  const box = document.getElementById("toasts");
  if (!box || !text) return;
  const line = document.createElement("p");
  line.className = tone ? `toast toast--${tone}` : "toast";
  line.textContent = text;
  box.append(line);
  while (box.children.length > 3) box.firstElementChild.remove();
  setTimeout(() => line.remove(), LIFE_MS);
}
