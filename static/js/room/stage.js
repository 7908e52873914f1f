/* What follows from the panels: the large picture is the pinned product's, the pin is announced, the shelf's count and the coupon button. */

export function start(root) {
  document.addEventListener("panel", ({ detail }) => {
    if (detail === "pin") pinned();
    if (detail === "shelf") counted(root);
    if (detail === "drops") coupons();
  });
  document.getElementById("coupons").addEventListener("click", () => firstCoupon()?.scrollIntoView({ block: "nearest", inline: "start" }));
  coupons();
}

const firstCoupon = () => document.querySelector("#panel-drops [data-coupon]");

function coupons() {
  document.getElementById("coupons").hidden = !firstCoupon();
}

export function pinned() {
  const panel = document.getElementById("panel-pin");
  const picture = panel.querySelector(".deal__pic img");
  const hero = document.getElementById("hero");
  if (picture && hero.getAttribute("src") !== picture.getAttribute("src")) {
    hero.src = picture.getAttribute("src");
    hero.hidden = false;
    hero.animate?.([{ opacity: 0, transform: "scale(.92)" }, { opacity: 1, transform: "none" }], { duration: 320, easing: "ease-out" });
  }
  const region = document.getElementById("announce");
  const title = panel.querySelector(".deal__title");
  if (title) region.textContent = region.dataset.pin.replace("{line}", `${title.textContent.trim()} ${panel.querySelector(".price b, .price")?.textContent.trim() || ""}`);
}

function counted(root) {
  const count = document.querySelectorAll("#panel-shelf [data-item]").length;
  for (const node of root.querySelectorAll("[data-shelf-count], [data-shelf-count-text]")) node.textContent = count;
}
