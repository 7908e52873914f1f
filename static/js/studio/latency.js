/* How long this panel takes to hear back over its own connection. */
const SLOW_MS = 200;
const EVERY_MS = 15000;

let asked = 0;
let last = null;

function write() {
  const line = document.getElementById("latency");
  if (!line || last === null) return;
  const isFine = last <= SLOW_MS;
  line.className = isFine ? "is-ok" : "is-soft";
  const [mark, text] = line.children;
  mark.textContent = isFine ? "✓" : "!";
  text.textContent = (isFine ? line.dataset.fine : line.dataset.slow).replace("{n}", last);
}

export function start(socket) {
  const ask = () => {
    if (!document.getElementById("latency")) return;
    if (socket.send({ c: "catch_up", seq: socket.seq, chat: socket.chat })) asked = performance.now();
  };
  socket.on("hello", () => setTimeout(ask, 300));
  socket.on("state", ({ kind }) => {
    if (kind !== "caught_up" || !asked) return;
    last = Math.max(1, Math.round(performance.now() - asked));
    asked = 0;
    write();
  });
  document.addEventListener("panel", write);
  setInterval(ask, EVERY_MS);
}
