// A question that must be answered before something is lost.

import { byId } from "/dom.js";

export function sure(words, yes) {
  const dialog = byId("sure");
  byId("sure-words").textContent = words;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}
