/* Small things every page has: toasts that go away, the chosen tab in view, and a word when a request fails. */
import { toast } from "./toast.js";

const LIFE_MS = 4000;
for (const line of document.querySelectorAll("#toasts .toast")) setTimeout(() => line.remove(), LIFE_MS);

for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

const failed = () => toast(document.getElementById("toasts").dataset.offline, "bad");
document.addEventListener("htmx:sendError", failed);
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500 && event.detail.xhr.status !== 503) failed();
});
