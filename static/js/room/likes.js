/* Likes: hearts rise at once, taps are counted and sent together, and the total is the server's. */

const SEND_MS = 800;
const MAX_HEARTS = 18;
const COLOURS = ["#ff5d73", "#ff8a4c", "#ffd36b", "#ff7ab8", "#ff4d2e"];
const still = matchMedia("(prefers-reduced-motion: reduce)");

let pending = 0;
let total = 0;

export function start(socket, root) {
  const button = document.getElementById("like");
  const box = document.getElementById("hearts");
  const shown = root.querySelector("[data-likes]");
  total = Number(shown.dataset.likes);
  const tap = () => {
    rise(box);
    // A guest may play; only people are counted.
    if (!("signedIn" in root.dataset)) return;
    pending += 1;
    write(shown, total + pending);
  };
  button.addEventListener("click", tap);
  root.addEventListener("dblclick", (event) => event.target.closest(".state, .stage") && tap());
  root.addEventListener("won", () => burst(box, MAX_HEARTS));
  setInterval(() => {
    if (pending && socket.send({ c: "like", n: pending })) pending = 0;
  }, SEND_MS);
  socket.on("tick", ({ likes }) => {
    if (likes == null) return;
    if (document.querySelector("#panel-stage [data-state='live']")) burst(box, Math.min(4, likes - total));
    total = likes;
    write(shown, total + pending);
  });
}

const write = (node, count) => (node.textContent = short(count));
const format = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 });
export const short = (count) => (count < 10000 ? count.toLocaleString() : format.format(count));

function burst(box, count) {
  for (let n = 0; n < count; n += 1) setTimeout(() => rise(box), n * 120);
}

function rise(box) {
  if (still.matches || document.hidden || box.childElementCount >= MAX_HEARTS) return;
  const heart = document.createElement("i");
  heart.innerHTML = '<svg viewBox="0 0 24 24"><path d="M12 20.500S3 15.200 3 8.900A4.800 4.800 0 0 1 12 6.300a4.800 4.800 0 0 1 9 2.600c0 6.300-9 11.600-9 11.600z"/></svg>';
  heart.style.color = COLOURS[Math.floor(Math.random() * COLOURS.length)];
  heart.style.setProperty("--x", `${Math.round(Math.random() * 60 - 50)}px`);
  heart.style.setProperty("--a", `${Math.round(Math.random() * 60 - 30)}deg`);
  heart.addEventListener("animationend", () => heart.remove());
  box.append(heart);
}
