/* Sends one action and tells the page what came of it, as htmx does for forms. */

const headers = () => ({ ...JSON.parse(document.body.getAttribute("hx-headers")), "HX-Request": "true" });

/* True when it was done. A refusal is shown where refusals are shown. Kept alive: leaving the page loses no action. */
export async function post(url, fields = {}) {
  let answer;
  try {
    answer = await fetch(url, { method: "POST", headers: headers(), body: new URLSearchParams(fields), keepalive: true });
  } catch {
    document.dispatchEvent(new CustomEvent("htmx:sendError"));
    return false;
  }
  const trigger = answer.headers.get("HX-Trigger");
  if (trigger) document.dispatchEvent(new CustomEvent("studio", { detail: JSON.parse(trigger).studio }));
  if (!answer.ok) refuse(await answer.text());
  return answer.ok;
}

export function refuse(html) {
  const box = document.getElementById("said");
  box.innerHTML = html;
}
