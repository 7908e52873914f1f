/* The connection's small light, and what happens when the rights of this person end: the studio closes. */
import { serverNow } from "../room/clock.js";

export function start(socket, root) {
  const light = document.getElementById("link-state");
  const say = (isUp) => {
    light.classList.toggle("is-down", !isUp);
    light.lastElementChild.textContent = isUp ? light.dataset.up : light.dataset.lost;
  };
  socket.on("down", () => say(false));
  socket.on("up", () => say(true));
  const shut = () => {
    socket.isOver = true;
    root.inert = true;
    document.getElementById("sheet").close();
    const closed = document.getElementById("closed");
    if (!closed.open) closed.showModal();
  };
  document.addEventListener("shut", shut);
  socket.on("over", shut);
  const until = Number(root.dataset.until);
  let timer;
  // By the server's clock, which the first frame tells.
  socket.on("hello", () => {
    clearTimeout(timer);
    if (until) timer = setTimeout(shut, Math.min(Math.max(until - serverNow(), 0), 2 ** 31 - 1));
  });
}
