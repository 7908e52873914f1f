/* Parts over a websocket. A binary message is 28 bytes of header and MP4; docs/video.md has its fields. */

const HEADER = 28;
const WAIT_MS = [200, 600, 1500, 3000, 6000];
// A way that never brought anything is given up soon; one that did leads to a server that is away, and so are its plain requests.
const PATIENCE = { untried: 2, proven: 4 };
const FINAL = new Set([4003, 4009, 4010]);
const BAD_TICKET = 4001;
const FULL = 4029;

export class Wire {
  /* `told` has init(mime, bytes), part(bytes, facts), state(message) and failed(). `ticket(isStale)` gives a ticket. */
  constructor(url, ticket, told) {
    Object.assign(this, { url, ticket, told, tries: 0, patience: PATIENCE.untried, isOver: false, isStale: false });
    this.open();
  }

  async open() {
    const ticket = await this.ticket(this.isStale);
    if (this.isOver) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.url}?ticket=${encodeURIComponent(ticket)}`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code }) => this.socket === socket && this.closed(code);
    this.socket = socket;
  }

  receive(data) {
    this.tries = 0;
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.t === "stream") this.told.state(message);
      return;
    }
    const view = new DataView(data);
    if (view.getUint8(0) === 0) {
      const length = view.getUint16(HEADER);
      const mime = new TextDecoder().decode(new Uint8Array(data, HEADER + 2, length));
      this.told.init(mime, new Uint8Array(data, HEADER + 2 + length));
    } else {
      this.patience = PATIENCE.proven;
      this.told.part(new Uint8Array(data, HEADER), { isKey: (view.getUint8(1) & 1) === 1, start: view.getFloat64(12) / 1000, wall: view.getFloat64(20) });
    }
  }

  closed(code) {
    if (this.isOver) return;
    this.isStale = code === BAD_TICKET;
    this.tries += 1;
    if (FINAL.has(code)) return this.stop();
    if (code === FULL || this.tries > this.patience) this.told.failed();
    if (!this.isOver) this.timer = setTimeout(() => this.open(), WAIT_MS[Math.min(this.tries - 1, WAIT_MS.length - 1)] * (0.7 + Math.random() * 0.6));
  }

  stop() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}
