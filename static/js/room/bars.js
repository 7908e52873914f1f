/* Stock bars of deals and coupons: [available, held, sold, total] or [issued, total], from the ticks. */

const latest = new Map();

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

export function start(socket) {
  const take = ({ bars }) => {
    if (!bars) return;
    for (const [id, counts] of Object.entries(bars)) latest.set(id, counts);
    drawAll();
  };
  for (const frame of ["tick", "state", "snap"]) socket.on(frame, take);
  document.addEventListener("panel", drawAll);
}
