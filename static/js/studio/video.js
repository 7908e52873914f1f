/* The anchor's own monitor: what viewers see or will see, with a level of its sound; and the camera of this browser. */

const RETRY_MS = 5000;
let desk, monitor, player, video, level, ear;

export function start(root) {
  desk = document.getElementById("videodesk");
  if (!desk) return;
  monitor = document.getElementById("monitor");
  level = monitor.querySelector("meter");
  ear = monitor.querySelector("button");
  ear.addEventListener("click", listen);
  desk.addEventListener("panel", () => follow(root));
  follow(root);
  if (desk.dataset.camera) import("./camera.js").then((camera) => camera.start(desk));
}

async function follow(root) {
  const stream = desk.querySelector("[data-stream]");
  monitor.hidden = !stream || desk.hasAttribute("data-on-camera");
  if (monitor.hidden) return stop();
  if (player) return;
  player = "coming";
  const { Player } = await import("../video/player.js");
  video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, autoplay: true });
  video.setAttribute("aria-label", ear.textContent);
  monitor.prepend(video);
  const own = video;
  // The room asks again by itself, too; the next look at the panel starts the monitor anew.
  own.addEventListener("player", ({ detail }) => detail === "failed" && setTimeout(() => video === own && stop(), RETRY_MS));
  player = new Player(video, { live: desk.dataset.live, hls: desk.dataset.live ? "" : desk.dataset.hls, ticket: () => fresh(root) });
}

async function fresh(root) {
  try {
    const answer = await fetch(root.dataset.ticketUrl, { headers: { Accept: "application/json" } });
    return (await answer.json()).ticket;
  } catch {
    return root.dataset.ticket;
  }
}

/* The sound goes to a meter, not to the loudspeaker: the microphone would hear it. */
function listen() {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaElementSource(video).connect(analyser);
  video.muted = false;
  const samples = new Float32Array(analyser.fftSize);
  const heard = video;
  level.hidden = false;
  ear.hidden = true;
  const look = () => {
    if (video !== heard) return context.close();
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // −60 dB to 0 dB.
    level.value = Math.max(0, 1 + Math.log10(power || 1e-9) / 6);
    setTimeout(look, 100);
  };
  look();
}

function stop() {
  if (!player || player === "coming") return;
  player.stop();
  video.remove();
  player = video = null;
  level.hidden = true;
  ear.hidden = false;
}
