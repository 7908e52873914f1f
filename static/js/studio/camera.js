/* Streams the camera of this browser: MediaRecorder's pieces go over a websocket, in order, and only as fast as the line takes them. */

const PIECE_MS = 100;
const FRAME_BYTES = 12_000; // the page servers take no longer message
const MAX_WAITING = 4_000_000;
const WANTED = ["video/webm;codecs=h264,opus", "video/mp4;codecs=avc1.42E01F,mp4a.40.2", "video/webm;codecs=vp8,opus", "video/mp4", "video/webm"];
const BITS = 2_000_000;
const RETRY_MS = [1000, 2000, 4000, 8000];

let desk, box, note, stream, recorder, socket, picture, tries;

export function start(found) {
  desk = found;
  box = document.getElementById("camera");
  note = box.querySelector("p");
  box.hidden = false;
  box.addEventListener("click", ({ target }) => {
    const act = target.closest("[data-do]")?.dataset.do;
    if (act === "camera") begin();
    if (act === "stop") stop();
  });
  addEventListener("pagehide", stop);
}

function say(what, why = "") {
  note.hidden = !what;
  note.textContent = what ? note.dataset[what].replace("{why}", why) : "";
}

function show(isOn) {
  box.querySelector("[data-do='camera']").hidden = isOn;
  box.querySelector("[data-do='stop']").hidden = !isOn;
  desk.toggleAttribute("data-on-camera", isOn);
  desk.dispatchEvent(new CustomEvent("panel", { bubbles: true }));
}

async function begin() {
  say("");
  if (!navigator.mediaDevices?.getUserMedia) return say("unsafe");
  if (!globalThis.MediaRecorder || !WANTED.some((type) => MediaRecorder.isTypeSupported(type))) return say("unknown");
  try {
    // As the sensor lies: phones turn the picture themselves. An upright one asked of a lying sensor is cut out of its largest.
    const shape = { width: { ideal: 1280, max: 1920 }, height: { ideal: 720, max: 1080 } };
    stream = await navigator.mediaDevices.getUserMedia({ video: { ...shape, frameRate: { ideal: 25, max: 30 }, facingMode: "user" }, audio: { echoCancellation: true, noiseSuppression: true } });
  } catch (error) {
    return say(error.name === "NotFoundError" ? "none" : "denied");
  }
  picture = document.createElement("video");
  Object.assign(picture, { muted: true, playsInline: true, autoplay: true, srcObject: stream });
  picture.className = "camera__own";
  box.prepend(picture);
  stream.getVideoTracks()[0].addEventListener("ended", stop);
  tries = 0;
  show(true);
  connect();
}

async function connect() {
  let ticket;
  try {
    const headers = { ...JSON.parse(document.body.getAttribute("hx-headers")), Accept: "application/json" };
    const answer = await fetch(desk.dataset.cameraUrl, { method: "POST", headers });
    const told = await answer.json();
    if (!answer.ok) return refused(told.sentence || "");
    ticket = told.ticket;
  } catch {
    return again();
  }
  if (!stream) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const wire = new WebSocket(`${scheme}//${location.host}${desk.dataset.camera}?ticket=${encodeURIComponent(ticket)}`);
  socket = wire;
  wire.onopen = () => record(wire);
  wire.onmessage = ({ data }) => JSON.parse(data).t === "refused" && refused(JSON.parse(data).why);
  wire.onclose = () => socket === wire && again();
}

function record(wire) {
  const type = WANTED.find((one) => MediaRecorder.isTypeSupported(one));
  wire.send(JSON.stringify({ mime: type }));
  recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS, audioBitsPerSecond: 96_000, videoKeyFrameIntervalDuration: 1000 });
  let order = Promise.resolve();
  recorder.ondataavailable = ({ data }) => {
    order = order.then(async () => send(wire, await data.arrayBuffer()));
  };
  recorder.start(PIECE_MS);
}

function send(wire, bytes) {
  if (wire.readyState !== WebSocket.OPEN) return;
  if (wire.bufferedAmount > MAX_WAITING) {
    say("lost");
    return wire.close();
  }
  if (bytes.byteLength) say("");
  for (let at = 0; at < bytes.byteLength; at += FRAME_BYTES) wire.send(bytes.slice(at, at + FRAME_BYTES));
  tries = 0;
}

function again() {
  halt();
  if (!stream) return;
  say("lost");
  setTimeout(() => stream && connect(), RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
}

function refused(why) {
  stop();
  say("refused", why);
}

function halt() {
  if (recorder && recorder.state !== "inactive") recorder.stop();
  recorder = null;
  const wire = socket;
  socket = null;
  wire?.close(1000);
}

function stop() {
  const own = stream;
  stream = null;
  halt();
  own?.getTracks().forEach((track) => track.stop());
  picture?.remove();
  picture = null;
  say("");
  if (own) show(false);
}
