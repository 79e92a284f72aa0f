// What the keys do where no dialog is open.

import { byId } from "/dom.js";
import { walk } from "/grid.js";

const starts = ({ key, target }) => key.length === 1 && key !== " " && target === document.body;

function pressed(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select");
  if (event.key === "/" && !typing) byId("text").select();
  else if (event.key === "Escape" && typing) typing.blur();
  else if (event.key.startsWith("Arrow") && (!typing || (event.target === byId("text") && event.key === "ArrowDown"))) walk(event.key);
  else {
    if (starts(event)) byId("text").focus(); // who just types means a search
    return;
  }
  event.preventDefault();
}

export const listen = () => document.addEventListener("keydown", pressed);
