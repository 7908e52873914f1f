/* The page of a drop: fetches the log, checks it here, finds the reader's own place, and remembers a promise it has seen. */
import { checked, plain, pseudonym } from "./checks.js";

const page = document.querySelector("[data-proof]");
const verdict = page.querySelector("[data-verdict]");
const form = page.querySelector("form[data-receipt]");
const answer = page.querySelector("[data-answer]");
const seenKey = `drop:${page.dataset.proof}`;

let log = null;
try {
  log = await (await fetch(page.dataset.log)).json();
} catch {
  verdict.textContent = verdict.dataset.away;
}

if (log) {
  remember(log);
  const found = await checked(log);
  for (const [name, holds] of Object.entries(found)) mark(name, holds);
  const isBroken = Object.values(found).includes(false);
  verdict.dataset.state = isBroken ? "bad" : "ok";
  verdict.textContent = isBroken ? verdict.dataset.broken : log.claims ? verdict.dataset.holds : verdict.dataset.soFar;
  if (log.claims) {
    for (const own of page.querySelectorAll("[data-own]")) await show(own, own.dataset.own);
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const receipt = form.elements.receipt.value;
      if (plain(receipt)) await show(answer, receipt);
    });
  }
}

function mark(name, holds) {
  const line = page.querySelector(`[data-check="${name}"]`);
  line.dataset.state = holds ? "ok" : "bad";
  line.querySelector("[data-said]").textContent = holds ? page.dataset.ok : page.dataset.bad;
}

/* A browser that was here before the end compares: the promise it saw then is the one it sees now. */
function remember({ terms_hash: hash, terms }) {
  const line = page.querySelector("[data-seen]");
  try {
    const seen = JSON.parse(localStorage.getItem(seenKey) ?? "null");
    if (!seen) return localStorage.setItem(seenKey, JSON.stringify({ hash, at: Date.now() }));
    if (Date.parse(terms.opens_at) < seen.at) return undefined;
    line.textContent = (seen.hash === hash ? line.dataset.same : line.dataset.other).replace("{time}", new Date(seen.at).toLocaleTimeString());
    line.dataset.state = seen.hash === hash ? "ok" : "bad";
    line.hidden = false;
  } catch {
    // A browser without storage remembers nothing.
  }
  return undefined;
}

async function show(place, receipt) {
  const who = await pseudonym(log.claims.end.nonce, receipt);
  const row = log.claims.rows.find((one) => one.who === who);
  place.hidden = false;
  place.dataset.state = row ? "ok" : "bad";
  if (!row) {
    place.textContent = page.dataset.unknown;
    return;
  }
  const what = log.outcomes?.rows[row.n - 1].what ?? "open";
  const words = page.dataset.place.replace("{n}", row.n).replace("{place}", row.place).replace("{time}", timeOf(row.at));
  place.textContent = `${words} ${page.dataset[`what${what[0].toUpperCase()}${what.slice(1)}`]}`;
  for (const line of page.querySelectorAll(`[data-who="${who}"]`)) line.classList.add("is-own");
}

function timeOf(text) {
  return `${new Date(text).toLocaleTimeString(document.documentElement.lang, { hour12: false })}.${text.slice(20, 23)}`;
}
