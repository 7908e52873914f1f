/* Says in one small line that the connection is away, back, or over for good. */
import { isAsking } from "./claims.js";

const QUIET_MS = 700;
const BACK_MS = 2500;
const WHY = { 4008: "slow", 4009: "much", 4029: "many" }; // close code → what to say of it

export function start(socket) {
  const box = document.getElementById("link-state");
  const [spin, text] = box.children;
  let timer;
  const show = (what, isBusy) => {
    text.textContent = box.dataset[what];
    spin.hidden = !isBusy;
    box.hidden = false;
  };
  socket.on("down", (code) => {
    clearTimeout(timer);
    timer = setTimeout(() => show(isAsking() ? "checking" : (WHY[code] ?? "lost"), true), QUIET_MS);
  });
  socket.on("up", () => {
    clearTimeout(timer);
    if (box.hidden) return;
    show("back", false);
    timer = setTimeout(() => (box.hidden = true), BACK_MS);
  });
  socket.on("over", (why) => {
    clearTimeout(timer);
    show(why, false);
    document.getElementById("say")?.toggleAttribute("inert", true);
  });
}
