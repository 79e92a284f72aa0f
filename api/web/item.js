// One item: its picture, words and metadata, its neighbours, and what can be done with it.

import { answerable, listen as listenToQuestions, reported } from "/asking.js";
import { byId, element } from "/dom.js";
import { likely, picture, stepped, words } from "/grid.js";
import { ask, chosen, itemOf, link, originalOf } from "/server.js";
import { sure } from "/sure.js";

const NEIGHBOURS = 8;
let current = null;
let turn = 0; // what was asked for earlier opens no more
let told = {}; // whom to tell of what was done here
export const shown = () => current?.key ?? null;
const telling = (work) => reported(() => current, work);

function value(each) {
  if (Array.isArray(each)) return each.map(value).join(", ");
  return typeof each === "object" && each ? Object.entries(each).map(([name, inner]) => `${name}: ${value(inner)}`).join(", ") : String(each);
}

function large(item) {
  const seen = picture(item, 1024);
  seen.loading = "eager";
  if (!item.image) return seen;
  const original = element("a", { target: "_blank", rel: "noopener", title: "Open the picture itself" }, seen);
  link(original, originalOf(item.key));
  return original;
}

function fill(item) {
  current = item;
  byId("item-picture").replaceChildren(large(item));
  byId("item-title").textContent = [item.key, likely(item)].filter(Boolean).join(" · ");
  byId("item-captions").replaceChildren(...item.texts.map((text) => element("li", {}, text)));
  byId("meta").replaceChildren(...Object.entries(item.meta).flatMap(([name, each]) => [element("dt", {}, name), element("dd", {}, value(each))]));
  byId("describe").hidden = !item.image;
  for (const [step, id] of [[-1, "before"], [1, "after"]]) byId(id).hidden = !stepped(item.key, step);
  byId("answer").replaceChildren();
  for (const form of ["like", "ask"]) byId(form).reset();
  if (!byId("item").open) byId("item").showModal();
  byId("item").scrollTop = 0;
  byId("item-title").focus();
  answerable();
  neighbours(item);
}

export function open(item) {
  turn++;
  fill(item);
  told.opened();
}

export async function come(key) { // what an address says
  const mine = ++turn;
  if (key === shown()) return;
  const item = key && await itemOf(key);
  if (mine !== turn) return;
  if (item) fill(item);
  else leave();
}

function leave() {
  turn++;
  current = null;
  byId("item").close();
}

async function step(by) {
  const mine = ++turn;
  const other = stepped(current.key, by);
  const whole = other?.stub ? await itemOf(other.key) : other;
  if (!whole || mine !== turn) return;
  fill(whole);
  told.stepped();
}

const walk = (by) => telling(() => step(by));

export function neighbour(hit) {
  const button = element("button", { type: "button", title: words(hit), onclick: () => open(hit) }, picture(hit, 160));
  const box = element("li", {}, button);
  box.dataset.key = hit.key;
  return box;
}

async function neighbours(item) {
  byId("neighbours").replaceChildren();
  const target = item.image ? "image" : "text";
  await telling(async () => {
    const hits = await ask("search", { like: item.key, k: NEIGHBOURS, target });
    if (item === current) byId("neighbours").replaceChildren(...hits.map(neighbour));
  });
}

async function remove() {
  const { key } = current;
  const question = `Delete ${key} from ${chosen()}? It is gone from answers at once; a file in a folder of yours stays, `
    + "and comes back when that folder is indexed again.";
  if (!await sure(question, "Delete")) return;
  await ask("delete", { keys: [key] });
  leave();
  told.closed();
  await told.deleted();
}

export function listen(tellers) {
  told = tellers;
  byId("close").onclick = () => byId("item").close();
  byId("item").onclick = (event) => { if (event.target === byId("item")) byId("item").close(); };
  byId("item").onclose = () => {
    if (!current) return; // the page itself closed it
    turn++;
    current = null;
    told.closed();
  };
  byId("item").onkeydown = (event) => {
    if (event.target.closest("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") walk(-1);
    if (event.key === "ArrowRight") walk(1);
  };
  byId("before").onclick = () => walk(-1);
  byId("after").onclick = () => walk(1);
  byId("remove").onclick = () => telling(remove);
  byId("like").onsubmit = (event) => {
    event.preventDefault();
    const without = byId("not").value.split(",").map((each) => each.trim()).filter(Boolean);
    const { key } = current;
    leave();
    told.like(key, without);
  };
  listenToQuestions(() => current, neighbour);
}
