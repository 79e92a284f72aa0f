// Photos, the map, near-duplicates: one is shown at a time.

import { byId } from "/dom.js";

const opened = new Map();
const buttons = [...document.querySelectorAll("#views button")];
export const onOpen = (view, open) => { opened.set(view, open); };

export function show(view) {
  for (const button of buttons) {
    const on = button.dataset.view === view;
    button.ariaPressed = String(on);
    byId(button.dataset.view).hidden = !on;
  }
  opened.get(view)?.();
}

for (const button of buttons) button.onclick = () => show(button.dataset.view);
