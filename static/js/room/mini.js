/* While a sheet covers the stage its picture goes on in a corner; a tap there leads back to the stage. */

let dialog, box, pick, home;

export function start(picture) {
  dialog = document.getElementById("sheet");
  box = document.getElementById("mini");
  if (!box) return;
  pick = picture;
  dialog.addEventListener("opened", cover);
  dialog.addEventListener("close", uncover);
  box.addEventListener("click", () => dialog.close());
}

/* Where a picture that begins now belongs; the stage when no sheet is open. */
export function put(video, stage) {
  home = stage;
  if (box && dialog.open) show(video);
  else stage(video);
}

export function hide() {
  if (box) box.hidden = true;
}

function cover() {
  const video = pick();
  if (video && box.hidden) show(video);
}

/* Moved within one task a video plays on. */
function show(video) {
  box.append(video);
  box.hidden = false;
  box.style.setProperty("--shape", video.style.getPropertyValue("--shape") || "16 / 9");
  box.classList.toggle("is-wide", video.videoWidth > video.videoHeight);
  if (video.paused) video.play().catch(() => {});
}

function uncover() {
  const video = box.querySelector("video");
  box.hidden = true;
  if (!video) return;
  home(video);
  if (video.paused) video.play().catch(() => {});
}
