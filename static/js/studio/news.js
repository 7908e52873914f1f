/* What an action said: a short line, with a way back for ten seconds or the action's own few; refusals stay until read. */
import { post } from "./post.js";
import { toast } from "../toast.js";

const UNDO_S = 10;
const REFUSAL_MS = 8000;

function offer(text, url, seconds = UNDO_S) {
  const line = document.getElementById("t-undo").content.firstElementChild.cloneNode(true);
  const [words, button] = line.children;
  words.textContent = text;
  let left = seconds;
  const count = () => {
    button.querySelector("b").textContent = left;
    if (left-- <= 0) line.remove();
  };
  const timer = setInterval(() => (line.isConnected ? count() : clearInterval(timer)), 1000);
  button.addEventListener("click", () => {
    line.remove();
    post(url);
  });
  document.getElementById("toasts").append(line);
  count();
}

export function start() {
  document.addEventListener("studio", ({ target, detail }) => {
    const form = target.closest?.("form");
    form?.reset();
    if (form?.hasAttribute("data-once")) document.getElementById("sheet").close();
    document.getElementById("said").replaceChildren();
    if (detail.undo) offer(detail.said, detail.undo, detail.undo_s);
    else toast(detail.said, "ok");
  });
  const said = document.getElementById("said");
  let timer;
  new MutationObserver(() => {
    clearTimeout(timer);
    if (said.children.length) timer = setTimeout(() => said.replaceChildren(), REFUSAL_MS);
  }).observe(said, { childList: true });
}
