// The page: what starts a search, and what the keys do.

import * as collections from "/collections.js";
import { byId, element, tell } from "/dom.js";
import * as filters from "/filters.js";
import * as grid from "/grid.js";
import * as item from "/item.js";
import { watch } from "/live.js";
import * as map from "/map.js";
import * as picture from "/picture.js";
import * as search from "/search.js";
import { call, choose, chosen } from "/server.js";
import * as twins from "/twins.js";
import * as views from "/views.js";

const { parts } = search;

function part(label, remove, ...children) {
  const button = element("button", { type: "button", ariaLabel: `Remove ${label}` }, "✕");
  button.onclick = () => { remove(); again(); };
  return element("li", {}, ...children, label, button);
}

function showParts() {
  const { picture: seen, like, without } = parts;
  byId("parts").replaceChildren(
    ...(seen ? [part(seen.name, () => { parts.picture = null; }, element("img", { src: seen.url, alt: "" }))] : []),
    ...(like ? [part(`like ${like}`, () => { parts.like = null; })] : []),
    ...without.map((word) => part(`not ${word}`, () => { parts.without = parts.without.filter((each) => each !== word); })),
  );
}

function again() {
  showParts();
  views.show("photos");
  return search.begin();
}

function takePicture(taken) {
  Object.assign(parts, { picture: taken, like: null });
  again();
}

function moreLike(key, without) {
  Object.assign(parts, { like: key, without, text: "", picture: null });
  byId("text").value = "";
  window.scrollTo(0, 0);
  again();
}

async function enter(name, items) {
  choose(name);
  Object.assign(parts, { text: "", picture: null, like: null, without: [], where: "" });
  byId("text").value = "";
  showParts();
  grid.clear();
  map.forget();
  twins.forget();
  views.show("photos");
  filters.forget();
  if (!items) {
    tell(`Collection ${name} is empty. Fill it with: embedstore index PATH --collection ${name}`);
    return;
  }
  search.forget();
  await search.begin(); // first what is looked for, and its pictures
  await grid.pictured();
  if (chosen() !== name) return;
  search.ready(); // what the first search needs, while nobody waits
  await filters.offer((where) => { parts.where = where; again(); });
}

async function start() {
  try {
    const there = await (await call("/v1/collections")).json();
    if (there.length) await collections.counted(there);
    else tell("This store is empty. Fill it with: embedstore index PATH");
    watch(collections.counted);
  } catch (error) {
    tell(error.message, start);
  }
}

function entered(name, items) {
  return enter(name, items).catch((error) => tell(error.message, () => entered(name, items)));
}

async function deleted() {
  map.forget();
  await Promise.all([search.begin(), collections.agree()]);
}

function pressed(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select");
  if (event.key === "/" && !typing) byId("text").select();
  else if (event.key === "Escape" && typing) typing.blur();
  else if (event.key.startsWith("Arrow") && (!typing || (event.target === byId("text") && event.key === "ArrowDown"))) grid.walk(event.key);
  else return;
  event.preventDefault();
}

byId("form").onsubmit = (event) => {
  event.preventDefault();
  parts.text = byId("text").value.trim();
  if (parts.text && parts.like) parts.like = null;
  again();
};
document.addEventListener("keydown", pressed);
search.onOpen(item.open);
item.onLike(moreLike);
item.listen();
picture.listen(takePicture);
collections.listen(entered, () => { map.forget(); search.look(); again(); });
map.listen(item.open);
twins.listen(item.open, deleted);
start();
