/* A swipe up over the free part of the stage goes on to the next live room. */

const FAR_PX = 110;

export function start(root) {
  const next = document.getElementById("next-room");
  let from = null;
  root.addEventListener("touchstart", ({ target, touches }) => {
    from = touches.length === 1 && target.closest(".state, main.room") && !target.closest("a, button, form, .chat, .room__cards, .shelf") ? touches[0] : null;
  }, { passive: true });
  root.addEventListener("touchend", ({ changedTouches: [to] }) => {
    if (from && from.clientY - to.clientY > FAR_PX && Math.abs(from.clientX - to.clientX) < FAR_PX) location.assign(next.href);
    from = null;
  }, { passive: true });
}
