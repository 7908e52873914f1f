/* Small things every page has: toasts that go away, and a word when a request fails. */
import { toast } from "./toast.js";

const LIFE_MS = 4000;
for (const line of document.querySelectorAll("#toasts .toast")) setTimeout(() => line.remove(), LIFE_MS);

const failed = () => toast(document.getElementById("toasts").dataset.offline, "bad");
document.addEventListener("htmx:sendError", failed);
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500 && event.detail.xhr.status !== 503) failed();
});
