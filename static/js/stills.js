/* Cards of rooms on air show the stream: while a card is in view a still takes its poster's place, a new one every ten seconds. */
import { isSaving } from "./saving.js";

const RENEW_MS = 10_000;
const inView = new Set();

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) inView.delete(target);
    else {
      inView.add(target);
      renew(target);
    }
  }
});

/* Without one, as when the stream is away, the poster is back. */
function renew(picture) {
  const fresh = new Image();
  const put = (address, isStill) => {
    picture.src = address;
    picture.parentElement.classList.toggle("is-still", isStill);
  };
  picture.poster ??= picture.src;
  fresh.onload = () => put(fresh.src, true);
  fresh.onerror = () => put(picture.poster, false);
  fresh.src = `${picture.dataset.still}?${Math.floor(Date.now() / 5000)}`;
}

if (!isSaving()) {
  for (const picture of document.querySelectorAll("img[data-still]")) seen.observe(picture);
  setInterval(() => document.visibilityState === "visible" && inView.forEach(renew), RENEW_MS);
}
