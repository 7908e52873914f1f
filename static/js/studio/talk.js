/* The operators' chat: every line with its tools, held lines apart, and the rate of talk. */
import { lineFrom } from "../line.js";
import { uuid } from "../room/keys.js";
import { open } from "./sheet.js";
import { post, refuse } from "./post.js";

const KEEP = 200;
const RATE_S = 10;
const NEAR_END_PX = 50;
let root, log, list, held, more;
let unseen = 0;
const times = [];

const find = (id) => document.querySelector(`[data-line="${CSS.escape(id)}"]`);
const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;

function equip(line, template) {
  if (!line.dataset.by || line.querySelector(".tools")) return;
  const tools = document.getElementById(template).content.cloneNode(true);
  if (line.dataset.by === root.dataset.me) tools.querySelector("[data-do=person]")?.remove();
  line.append(tools);
}

function put(into, { id, html }, template) {
  const line = lineFrom(html);
  line.dataset.line = id;
  find(id)?.remove();
  equip(line, template);
  into.append(line);
}

function take({ chat = [], gone = [] }) {
  const stay = !isAtEnd();
  for (const one of chat) {
    times.push(Date.now());
    put(list, one, "t-tools");
  }
  for (const id of gone) find(id)?.remove();
  if (held && (chat.length || gone.length)) count();
  while (list.children.length > KEEP) list.firstElementChild.remove();
  if (!stay) return toEnd();
  unseen += chat.length;
  more.hidden = !unseen;
  more.textContent = more.dataset.text.replace("{n}", unseen);
}

function toEnd() {
  unseen = 0;
  more.hidden = true;
  log.scrollTop = log.scrollHeight;
}

function staff({ held: waiting = [] }) {
  if (!held) return;
  for (const one of waiting) put(held, one, "t-held-tools");
  count();
}

function count() {
  document.getElementById("held-box").hidden = !held.children.length;
  document.getElementById("held-count").textContent = held.children.length;
}

async function act(event) {
  const button = event.target.closest("[data-line] [data-do]");
  if (!button) return;
  const line = button.closest("[data-line]");
  const url = (name, word, value) => root.dataset[name].replace(word, encodeURIComponent(value));
  if (button.dataset.do === "person") return open(`${url("personUrl", "PERSON", line.dataset.by)}?line=${line.dataset.line}`);
  line.classList.add("is-going");
  const done = await post(url(button.dataset.do === "approve" ? "approveUrl" : "lineUrl", "LINE", line.dataset.line));
  line.classList.remove("is-going");
  if (done) line.remove();
  if (held) count();
}

function rate() {
  const oldest = Date.now() - RATE_S * 1000;
  while (times.length && times[0] < oldest) times.shift();
  const box = document.getElementById("rate");
  const text = box.dataset.text.replace("{n}", (times.length / RATE_S).toFixed(1).replace(/\.0$/, ""));
  if (box.textContent !== text) box.textContent = text;
}

export function start(socket, main) {
  root = main;
  [log, list, held, more] = ["talk-log", "talk", "held", "talk-new"].map((id) => document.getElementById(id));
  for (const line of list.children) equip(line, "t-tools");
  for (const line of held?.children || []) equip(line, "t-held-tools");
  if (held) count();
  root.addEventListener("click", act);
  more.addEventListener("click", toEnd);
  log.addEventListener("scroll", () => isAtEnd() && toEnd());
  for (const frame of ["tick", "state", "snap"]) socket.on(frame, take);
  socket.on("staff", staff);
  socket.on("tick", ({ online }) => {
    const box = online != null && document.querySelector("[data-online]");
    if (box) box.textContent = online.toLocaleString();
  });
  setInterval(rate, 1000);
  rate();
  toEnd();
  speak(socket);
}

function speak(socket) {
  const form = document.getElementById("speak");
  const field = form.querySelector("input");
  const sent = new Map();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    const id = uuid();
    if (!text || !socket.send({ c: "chat", id, text })) return;
    sent.set(id, text);
    field.value = "";
  });
  socket.on("reply", ({ id, ok, refused }) => {
    if (!sent.has(id)) return;
    if (!ok) {
      field.value ||= sent.get(id);
      const box = document.createElement("p");
      box.className = "refused";
      box.textContent = [refused.sentence, refused.reason].filter(Boolean).join(" · ");
      refuse(box.outerHTML);
    }
    sent.delete(id);
  });
}
