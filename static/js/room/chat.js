/* Chat: own lines grey at once and black when the server has them, nothing twice, and the reader's place is never lost. */
import { lineFrom } from "../line.js";
import { uuid } from "./keys.js";
import { openLogin } from "./sheets.js";

const KEEP = 200;
const KEEP_FOR_READERS = 1000;
const NEAR_END_PX = 60;
const DIGEST_MS = 15000;

let socket, root, log, list, more, form, field;
let unseen = 0;
let sinceDigest = 0;
const waiting = new Map();

export function start(wire, main) {
  [socket, root] = [wire, main];
  [log, list, more, form] = ["chat-log", "chat", "chat-new", "say"].map((id) => document.getElementById(id));
  field = form.elements.text;
  field.value ||= sessionStorage.getItem(draftKey()) || "";
  field.addEventListener("input", () => sessionStorage.setItem(draftKey(), field.value));
  form.addEventListener("submit", say);
  log.addEventListener("scroll", () => isAtEnd() && seen());
  more.addEventListener("click", toEnd);
  new ResizeObserver(() => unseen || toEnd()).observe(log);
  for (const frame of ["tick", "state", "snap"]) socket.on(frame, take);
  socket.on("reply", answered);
  socket.on("up", () => waiting.forEach(({ line }, id) => send(id, line.dataset.text)));
  setInterval(digest, DIGEST_MS);
  for (const line of list.children) mark(line);
  toEnd();
}

const draftKey = () => `draft:${root.dataset.slug}`;
const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
const idOf = (line) => line.dataset.line || line.id;

function take({ chat = [], gone = [] }) {
  const stay = !isAtEnd();
  let added = 0;
  for (const { id, html, key } of chat) added += add(id, html, key);
  for (const id of gone) find(id)?.remove();
  while (list.children.length > (stay ? KEEP_FOR_READERS : KEEP)) list.firstElementChild.remove();
  if (!added) return;
  sinceDigest += added;
  if (stay) tellUnseen(added);
  else toEnd();
}

const find = (id) => list.querySelector(`[data-line="${CSS.escape(id)}"]`) || document.getElementById(id);

/* Puts one line in; returns 1 when it is news to the reader. */
function add(id, html, key) {
  const own = key ? waiting.get(key) : undefined;
  waiting.delete(key);
  if (find(id)) {
    own?.line.remove();
    return 0;
  }
  const line = lineFrom(html);
  line.dataset.line = id;
  mark(line);
  if (own) {
    line.classList.add("line--own");
    own.line.replaceWith(line);
    return 0;
  }
  line.classList.add("line--new");
  list.append(line);
  return 1;
}

/* The shared HTML does not know who reads it. */
function mark(line) {
  if (root.dataset.me && line.dataset.by === root.dataset.me) line.classList.add("line--own");
}

function say(event) {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return field.focus();
  if (!("signedIn" in root.dataset)) return openLogin();
  const id = uuid();
  const line = document.getElementById("t-line").content.firstElementChild.cloneNode(true);
  line.dataset.text = line.querySelector("span").textContent = text;
  line.querySelector("b").textContent = root.dataset.ownName;
  list.append(line);
  waiting.set(id, { line });
  field.value = "";
  sessionStorage.removeItem(draftKey());
  toEnd();
  send(id, text);
}

function send(id, text) {
  socket.send({ c: "chat", id, text });
}

function answered({ id, ok, refused, line: said, html, held }) {
  const own = waiting.get(id);
  if (!own) return;
  if (ok && said) return void add(said, html, id);
  waiting.delete(id);
  if (!ok) return refuse(own.line, refused);
  own.line.classList.remove("line--waiting");
  if (held) own.line.append(document.getElementById("t-held").content.cloneNode(true));
}

/* The line stays where it is, says why, and can be sent again as it was. */
function refuse(line, { code, sentence, reason }) {
  line.classList.replace("line--waiting", "line--refused");
  const why = document.createElement("span");
  why.className = "line__why";
  why.setAttribute("role", "alert");
  why.textContent = [sentence, reason].filter(Boolean).join(" · ");
  const again = document.getElementById("t-again").content.firstElementChild.cloneNode(true);
  again.addEventListener("click", () => {
    field.value = line.dataset.text;
    line.remove();
    field.focus();
  });
  why.append(again);
  line.append(why);
  if (code === "LOGIN_REQUIRED") {
    field.value = line.dataset.text;
    sessionStorage.setItem(draftKey(), field.value);
    line.remove();
    openLogin();
  }
  toEnd();
}

function tellUnseen(added) {
  unseen += added;
  const label = more.querySelector("[data-text]");
  label.textContent = label.dataset.text.replace("{n}", unseen);
  more.hidden = false;
}

function seen() {
  unseen = 0;
  more.hidden = true;
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
  seen();
}

/* A screen reader hears how much was said and the last line, not the whole log. */
function digest() {
  if (!sinceDigest || document.visibilityState !== "visible") return;
  const region = document.getElementById("digest");
  const last = list.lastElementChild?.textContent.trim().replace(/\s+/g, " ") || "";
  region.textContent = region.dataset.text.replace("{n}", sinceDigest).replace("{line}", last);
  sinceDigest = 0;
}
