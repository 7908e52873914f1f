/* What MediaSource holds: appends in order, keeps a few seconds behind the picture, begins anew when the tracks change. */

const KEEP_S = 12;
const MAX_WAITING = 120;

export const Source = globalThis.ManagedMediaSource || globalThis.MediaSource;

export class Buffer {
  /* `failed()` when the browser will not take it. */
  constructor(video, failed) {
    Object.assign(this, { video, failed, mime: "", waiting: [], buffer: null, source: null });
  }

  init(mime, bytes) {
    if (!Source?.isTypeSupported(mime)) return this.failed();
    const tracks = (text) => text.split(",").length;
    if (!this.buffer && this.source && tracks(mime) === tracks(this.mime)) this.waiting = [];
    else if (!this.source || tracks(mime) !== tracks(this.mime)) this.open(mime);
    this.waiting.push({ mime, bytes });
    this.mime = mime;
    this.pump();
  }

  part(bytes) {
    if (!this.source) return;
    if (this.waiting.length > MAX_WAITING) return this.failed();
    this.waiting.push({ bytes });
    this.pump();
  }

  open(mime) {
    this.close();
    const source = new Source();
    this.source = source;
    this.video.disableRemotePlayback = true;
    this.url = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => {
      if (this.source !== source || this.buffer) return;
      this.buffer = source.addSourceBuffer(mime);
      this.type = mime;
      this.buffer.addEventListener("updateend", () => this.pump());
      this.buffer.addEventListener("error", () => this.source === source && this.failed());
      this.pump();
    });
    this.video.src = this.url;
  }

  pump() {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || this.source.readyState !== "open") return;
    if (this.trim()) return;
    const next = this.waiting[0];
    if (!next) return;
    try {
      if (next.mime && next.mime !== this.type) {
        buffer.changeType(next.mime);
        this.type = next.mime;
      }
      buffer.appendBuffer(next.bytes);
      this.waiting.shift();
    } catch (error) {
      if (error.name !== "QuotaExceededError" || !this.drop(2)) this.failed();
    }
  }

  /* Seconds that were seen long ago go first. True when the buffer is busy with it. */
  trim() {
    const ranges = this.buffer.buffered;
    return ranges.length > 0 && this.video.currentTime - ranges.start(0) > KEEP_S * 2 && this.drop(KEEP_S);
  }

  drop(keep) {
    const ranges = this.buffer.buffered;
    const until = this.video.currentTime - keep;
    if (!ranges.length || until <= ranges.start(0)) return false;
    this.buffer.remove(ranges.start(0), until);
    return true;
  }

  close() {
    if (this.url) URL.revokeObjectURL(this.url);
    Object.assign(this, { source: null, buffer: null, waiting: [], url: "", mime: "" });
  }
}
