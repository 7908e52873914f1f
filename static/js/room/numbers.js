/* People watching and visits, from the ticks. */
import { short } from "./likes.js";

export function start(socket) {
  const write = (name, count) => {
    for (const scope of [document, ...[...document.querySelectorAll("template")].map((template) => template.content)]) {
      for (const node of scope.querySelectorAll(`[data-${name}]`)) node.textContent = short(count);
    }
  };
  const take = ({ online, views }) => {
    if (online != null) write("online", online);
    if (views != null) write("views", views);
  };
  socket.on("tick", take);
  socket.on("snap", take);
}
