/* Stock bars of deals and coupons: [available, held, sold, total] or [issued, total], from the ticks. */

const SETTLE_MS = 6000;
const latest = new Map();
const goneAt = new Map();

/* A sold-out card is large for a moment, then one line: the picture is worth more than "all gone". What is a person's own stays. */
function settle(card) {
  const id = card.dataset.deal;
  const isGone = card.dataset.state === "open" && card.dataset.phase === "now" && card.dataset.stock === "out";
  if (!isGone) goneAt.delete(id);
  else if (!goneAt.has(id)) goneAt.set(id, performance.now());
  const isOwn = card.querySelector("[data-for-deal]") || !card.querySelector('[data-when="out"]');
  card.toggleAttribute("data-settled", isGone && !isOwn && performance.now() - goneAt.get(id) >= SETTLE_MS);
}

function draw(card) {
  const counts = latest.get(card.dataset.deal || card.dataset.coupon);
  if (!counts) return;
  const total = counts.at(-1);
  const left = counts.length === 4 ? counts[0] : total - counts[0];
  const part = total ? Math.round(((total - left) / total) * 100) : 0;
  card.dataset.stock = left > 0 ? "some" : "out";
  const bar = card.querySelector(".bar");
  if (!bar) return;
  bar.style.setProperty("--part", `${part}%`);
  const text = bar.querySelector("[data-text]") || (bar.dataset.text && bar.querySelector("span"));
  if (text) text.textContent = (text.dataset.text || bar.dataset.text).replace("{percent}", part).replace("{left}", left.toLocaleString()).replace("{total}", total.toLocaleString());
}

const drawAll = () => document.querySelectorAll("[data-deal], [data-coupon]").forEach(draw);

const settleAll = () => document.querySelectorAll("#panel-drops > [data-deal]").forEach(settle);

export function start(socket) {
  const take = ({ bars }) => {
    if (!bars) return;
    for (const [id, counts] of Object.entries(bars)) latest.set(id, counts);
    drawAll();
  };
  for (const frame of ["tick", "state", "snap"]) socket.on(frame, take);
  document.addEventListener("panel", () => {
    drawAll();
    settleAll();
  });
  setInterval(settleAll, 1000);
}
