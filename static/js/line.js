/* A chat line as the server sends it to everybody, in the reader's own words. */
const word = document.getElementById("content").dataset.anchorWord;

export function lineFrom(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  const line = holder.content.firstElementChild;
  const badge = line.querySelector(".line__badge");
  if (badge) badge.textContent = word;
  return line;
}
