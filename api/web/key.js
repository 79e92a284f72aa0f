// The key of a server that wants one: asked for once, however many requests were refused.

import { byId } from "/dom.js";

const OTHERS = /[^\x20-\x7e]/g; // what comes along when a key is copied, and no header takes
let asking = null; // the promise of an answer, while the question stands
let answered = 0; // when it was last answered
export const held = () => sessionStorage.getItem("key") || localStorage.getItem("key");

function keep(key, long) {
  for (const place of [sessionStorage, localStorage]) place.removeItem("key");
  if (key) (long ? localStorage : sessionStorage).setItem("key", key);
}

function question() {
  const dialog = byId("key");
  byId("key-words").textContent = held() ? "This server does not know that key." : "This server wants an API key.";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      keep(dialog.returnValue === "yes" ? byId("key-text").value.replace(OTHERS, "").trim() : "", byId("key-long").checked);
      byId("key-form").reset();
      [asking, answered] = [null, performance.now()];
      answer(held());
    }, { once: true });
  });
}

export async function renewed(sent) {
  if (sent < answered) return held();
  asking ??= question();
  return asking;
}
