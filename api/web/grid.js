// Tiles in rows of one height, as wide as the page; arrows walk them.

import { byId, element } from "/dom.js";
import { show } from "/server.js";

export const words = (item) => item.text || item.texts[0] || item.key;

const lost = () => element("span", { className: "words" }, "Its picture cannot be shown; the file may have been moved.");

export function picture(item, side, alt = words(item)) {
  if (!item.image) return element("span", { className: "words" }, words(item));
  const image = element("img", { alt, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(lost()));
  show(image, `${item.image}?side=${side}`);
  return image;
}

export function likely(hit) {
  if (hit.probability !== null && hit.probability !== undefined) return `${Math.round(100 * hit.probability)}% likely`;
  return hit.score === undefined ? "" : hit.score.toFixed(3);
}

function ratio(wide) {
  return String(Math.min(3, Math.max(0.5, wide || 4 / 3))); // panoramas leave room for others
}

// Pictures come one by one, and each that changed its tile at once would move all that follow.
const SETTLING = 150; // ms
let widths = []; // of tiles whose pictures have come

function settle() {
  for (const [box, seen] of widths) box.style.setProperty("--ratio", ratio(seen.naturalWidth / seen.naturalHeight));
  widths = [];
}

function came(box, seen) {
  if (!widths.length) setTimeout(settle, SETTLING);
  widths.push([box, seen]);
}

function tile(item, open) {
  const seen = picture(item, 320, ""); // the line below says it
  const line = element("span", { className: "line" },
    element("span", { className: "said" }, words(item)), " ",
    element("span", { className: "score" }, likely(item)));
  const box = element("li", {}, element("button", { type: "button", className: "tile", onclick: () => open(item) }, seen, line));
  box.item = item;
  box.style.setProperty("--ratio", ratio(item.meta.width / item.meta.height));
  seen.addEventListener("load", () => came(box, seen), { once: true });
  return box;
}

const PATIENCE = 2000; // ms; a lazy picture out of sight never comes
const come = (image) => image.complete || new Promise((go) => { ["load", "error"].forEach((end) => image.addEventListener(end, go, { once: true })); });
const pictures = () => [...byId("results").querySelectorAll("img")];
export const pictured = () => Promise.race([Promise.all(pictures().map(come)), new Promise((go) => setTimeout(go, PATIENCE))]);

export const clear = (list = byId("results")) => list.replaceChildren();
export const add = (items, open, list = byId("results")) => list.append(...items.map((item) => tile(item, open)));

export function stepped(key, step) { // the item before or after one, where it is shown
  const boxes = [...document.querySelectorAll("section:not([hidden]) .tiles li")];
  const at = boxes.findIndex(({ item }) => item.key === key);
  return at < 0 ? undefined : boxes[at + step]?.item;
}

function beside(tiles, from, down) {
  const here = tiles[from].getBoundingClientRect();
  const boxes = new Map(tiles.map((each) => [each, each.getBoundingClientRect()]));
  const drop = (each) => (down ? 1 : -1) * (boxes.get(each).top - here.top);
  const beyond = tiles.filter((each) => drop(each) > 4);
  const row = Math.min(...beyond.map(drop));
  const middle = (box) => box.left + box.width / 2;
  const aside = (each) => Math.abs(middle(boxes.get(each)) - middle(here));
  return beyond.filter((each) => drop(each) < row + 4).sort((a, b) => aside(a) - aside(b))[0];
}

export function walk(key) {
  const tiles = [...document.querySelectorAll("section:not([hidden]) .tiles .tile")];
  const from = tiles.indexOf(document.activeElement);
  const next = from < 0 ? tiles[0] : {
    ArrowLeft: () => tiles[from - 1],
    ArrowRight: () => tiles[from + 1],
    ArrowUp: () => beside(tiles, from, false),
    ArrowDown: () => beside(tiles, from, true),
  }[key]();
  if (next) next.focus();
  else if (key === "ArrowUp") byId("text").focus();
}
