/* The room's connection: joins with the page's ticket, comes back by itself, notices gaps and asks for what was missed. */

const WAIT_MS = [300, 800, 2000, 4000, 8000, 15000];
const JITTER_MS = 3000; // until the server tells another
const BEAT_MS = 20000;
const ANSWER_MS = 5000;
const AGAIN_MS = 300;
const SELDOM = [4009, 4029]; // she sent too much, has too many windows, or her address too many people
const FINAL = { 4003: "banned", 4010: "out" };

export class Socket extends EventTarget {
  constructor(root) {
    super();
    this.root = root;
    this.seq = Number(root.dataset.seq) || 0;
    this.newest = this.seq; // of what was shown; `seq` stays behind it until a gap is closed
    this.chat = root.dataset.chat || "";
    this.ticket = root.dataset.ticket;
    this.tries = 0;
    this.spread = JITTER_MS;
    this.isOver = false;
  }

  start() {
    this.open();
    addEventListener("online", () => this.openNow());
    addEventListener("offline", () => this.drop());
    addEventListener("pageshow", (event) => event.persisted && this.openNow());
    document.addEventListener("visibilitychange", () => this.woke());
    setInterval(() => document.visibilityState === "visible" && this.send({ c: "beat" }), BEAT_MS);
  }

  get isOpen() {
    return this.wire?.readyState === WebSocket.OPEN;
  }

  /* True when it was handed to the connection; an answer is another matter. */
  send(command) {
    if (!this.isOpen) return false;
    this.wire.send(JSON.stringify(command));
    return true;
  }

  on(kind, act) {
    this.addEventListener(kind, (event) => act(event.detail));
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  open() {
    if (this.isOver || this.wire) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = new URLSearchParams({ ticket: this.ticket, seq: this.seq, chat: this.chat });
    const wire = new WebSocket(`${scheme}//${location.host}/ws/live/${this.root.dataset.room}?${query}`);
    this.wire = wire;
    wire.onmessage = (event) => this.wire === wire && this.receive(JSON.parse(event.data));
    wire.onclose = (event) => this.wire === wire && this.closed(event.code);
  }

  openNow() {
    if (this.isOpen) return;
    clearTimeout(this.timer);
    if (this.wire?.readyState === WebSocket.CONNECTING) return;
    this.wire = null;
    this.open();
  }

  /* The network is gone: do not wait for the close that may come minutes later. */
  drop() {
    const wire = this.wire;
    if (!wire) return;
    wire.onclose = null;
    wire.close();
    this.closed(1006);
  }

  receive(frame) {
    this.heardAt = Date.now();
    if (frame.now) this.tell("now", frame.now);
    if (frame.spread) this.spread = frame.spread;
    if (frame.t === "state" || frame.t === "snap") {
      if (frame.seq < this.newest) return this.passOver(frame);
      this.newest = frame.seq;
    }
    if (frame.t === "hello") this.joined(frame);
    else if (frame.t === "state") this.moved(frame);
    else if (frame.t === "snap") this.seq = frame.seq;
    else if (frame.t === "reply" && !frame.ok && !frame.id && this.isCatching) this.catchUpLater();
    this.note(frame.chat);
    this.tell(frame.t, frame);
  }

  /* Drawn before something that is on the page already: what it answered is asked for again. */
  passOver(frame) {
    if (frame.t !== "snap" && frame.kind !== "caught_up") return;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.catchUp(), AGAIN_MS);
  }

  joined(frame) {
    this.newest = Math.min(this.newest, frame.seq);
    const wasLost = this.tries > 0 || this.wasOpen;
    this.tries = 0;
    this.wasOpen = true;
    // What was said between drawing the page and joining is asked for too, spread over a moment when a whole room loads at once.
    clearTimeout(this.first);
    if (wasLost) this.catchUp();
    else this.first = setTimeout(() => this.catchUp(), Math.random() * JITTER_MS);
    this.tell("up", wasLost);
  }

  moved(frame) {
    // A frame covers the events after `since` up to `seq`; an answer to catch_up covers all.
    const isGap = (frame.since ?? frame.seq - 1) > this.seq;
    if (frame.kind === "caught_up") this.isCatching = false;
    if (!isGap) this.seq = Math.max(this.seq, frame.seq);
    else if (!this.isCatching) this.catchUp();
  }

  catchUp() {
    this.isCatching = this.send({ c: "catch_up", seq: this.seq, chat: this.chat });
  }

  /* The server could not tell what was missed. */
  catchUpLater() {
    this.isCatching = false;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.catchUp(), AGAIN_MS + Math.random() * this.spread);
  }

  note(lines) {
    if (lines?.length) this.chat = lines[lines.length - 1].id;
  }

  /* A page that slept may hold a dead connection: ask, and hang up when nothing comes back. */
  woke() {
    if (document.visibilityState !== "visible") return;
    if (!this.isOpen) return this.openNow();
    const asked = Date.now();
    this.catchUp();
    setTimeout(() => this.isOpen && (this.heardAt || 0) < asked && this.drop(), ANSWER_MS);
  }

  async closed(code) {
    this.wire = null;
    this.isCatching = false;
    this.tell("down", code);
    if (FINAL[code]) {
      this.isOver = true;
      return this.tell("over", FINAL[code]);
    }
    const first = this.tries === 0;
    // Ask seldom, and live on plain requests meanwhile.
    if (SELDOM.includes(code)) this.tries = WAIT_MS.length;
    const wait = WAIT_MS[Math.min(this.tries, WAIT_MS.length - 1)] + (first && code === 4001 ? 0 : Math.random() * this.spread);
    this.tries += 1;
    if (code === 4001 || this.tries > 2) await this.renew();
    if (this.tries > 2) this.poll();
    this.timer = setTimeout(() => this.open(), wait);
  }

  /* Where sockets do not get through, plain requests keep the room true. */
  async poll() {
    try {
      const query = new URLSearchParams({ seq: this.seq, chat: this.chat });
      const answer = await fetch(`${this.root.dataset.catchupUrl}?${query}`, { headers: { Accept: "application/json" } });
      if (answer.ok && !this.isOpen) this.receive(await answer.json());
    } catch {
      // Still offline.
    }
  }

  async renew() {
    try {
      const answer = await fetch(this.root.dataset.ticketUrl, { headers: { Accept: "application/json" } });
      if (answer.ok) this.ticket = (await answer.json()).ticket;
    } catch {
      // Still offline: the next try asks again.
    }
  }
}
