// Photos, the map, near-duplicates: one is shown at a time.

import { byId } from "/dom.js";

const opened = new Map();
const buttons = [...document.querySelectorAll("#views button")];
let view = "photos";
export const shown = () => view;
export const onOpen = (name, open) => { opened.set(name, open); };

export function show(wanted) {
  const other = buttons.some(({ dataset }) => dataset.view === wanted) ? wanted : "photos"; // an address holds any word
  if (other !== view) window.scrollTo(0, 0);
  view = other;
  for (const button of buttons) {
    const on = button.dataset.view === view;
    button.ariaPressed = String(on);
    byId(button.dataset.view).hidden = !on;
  }
  byId("status").hidden = view !== "photos"; // the other views have words of their own
  opened.get(view)?.();
}

export function listen(chosen) {
  for (const button of buttons) button.onclick = () => { show(button.dataset.view); chosen(); };
}
