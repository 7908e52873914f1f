/* Small things every page has: toasts that go away, the chosen tab in view, a word when a request fails, and the live room one comes from. */
import { toast } from "./toast.js";
import { isSaving } from "./saving.js";
import { watch, watching } from "./watching.js";

const LIFE_MS = 4000;
for (const line of document.querySelectorAll("#toasts .toast")) setTimeout(() => line.remove(), LIFE_MS);

for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

/* A row of tabs that goes on beyond an edge says at which. */
function edges(row) {
  const rest = row.scrollWidth - row.clientWidth - row.scrollLeft;
  row.dataset.more = [row.scrollLeft > 2 && "left", rest > 2 && "right"].filter(Boolean).join(" ");
}
const width = new ResizeObserver((seen) => seen.forEach(({ target }) => edges(target)));
for (const row of document.querySelectorAll(".tabs, .belts")) {
  row.addEventListener("scroll", () => edges(row), { passive: true });
  width.observe(row);
}

const failed = () => toast(document.getElementById("toasts").dataset.offline, "bad");
document.addEventListener("htmx:sendError", failed);
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500 && event.detail.xhr.status !== 503) failed();
});

/* Beside goods and orders the show one comes from goes on small; the first page and the studio end that. */
const BESIDE = ["product", "checkout", "pay", "order", "orders", "search", "me", "my_coupons", "my_claims", "addresses", "drop"];
const page = document.querySelector("main[data-page]")?.dataset.page;
if (page === "feed" || page?.startsWith("studio")) watch("");
else if (BESIDE.includes(page) && watching() && !isSaving()) import("./video/corner.js").then(({ open }) => open(watching()));
