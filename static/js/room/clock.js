/* Server time: the phone's own clock is never trusted. Every frame brings `now`; the quickest one counts. */

const JUMP_MS = 2000;
const LATE_FRAMES = 3;
let offset = 0;
let isSet = false;
let late = 0;

export function set(now) {
  const seen = now - Date.now();
  // Delay only ever makes `seen` too small, so the largest is the best; the page's own stamp is a first guess.
  // Frame after frame too late is no delay: the phone's clock was put forward, or the server's back.
  late = isSet && seen < offset - JUMP_MS ? late + 1 : 0;
  offset = isSet && late < LATE_FRAMES ? Math.max(seen, offset) : seen;
  isSet = true;
}

/* Tells when the phone's clock was put forward or back: against the one that only runs it shows at once. Sleeping looks the same. */
function watchJumps() {
  const apart = () => Date.now() - performance.now();
  let before = apart();
  return () => {
    const hasJumped = Math.abs(apart() - before) > JUMP_MS;
    before = apart();
    return hasJumped;
  };
}

export const serverNow = () => Date.now() + offset;

export function left(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${two(minutes)}:${two(s % 60)}`;
}

/* A card with data-starts / data-ends has a phase: soon, now or ended. */
export function phase(card, now = serverNow()) {
  const starts = Number(card.dataset.starts) || 0;
  const ends = Number(card.dataset.ends) || Infinity;
  if (now < starts) return "soon";
  return now < ends ? "now" : "ended";
}

function tick() {
  const now = serverNow();
  for (const card of document.querySelectorAll("[data-starts], [data-ends]")) {
    const is = phase(card, now);
    if (card.dataset.phase !== is) {
      card.dataset.phase = is;
      card.dispatchEvent(new CustomEvent("phase", { bubbles: true, detail: is }));
    }
  }
  for (const clock of document.querySelectorAll("[data-countdown]")) {
    const card = clock.closest("[data-starts], [data-ends]");
    const to = card && (card.dataset.phase === "soon" ? card.dataset.starts : card.dataset.ends);
    write(clock, to ? left(to - now) : "");
  }
  for (const clock of document.querySelectorAll("[data-countdown-to]")) {
    const rest = clock.dataset.countdownTo - now;
    write(clock, rest > 0 || !clock.dataset.due ? left(rest) : clock.dataset.due);
    if (rest <= 0 && !clock.dataset.isDue) {
      clock.dataset.isDue = "1";
      clock.dispatchEvent(new CustomEvent("due", { bubbles: true }));
    }
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function start(socket) {
  set(Number(document.body.dataset.serverMs));
  socket.on("now", set);
  const hasJumped = watchJumps();
  setInterval(() => {
    if (!hasJumped() || !socket.catchUp) return tick();
    isSet = false; // the answer's clock counts alone
    socket.catchUp();
  }, 250);
  document.addEventListener("panel", tick);
  tick();
}
