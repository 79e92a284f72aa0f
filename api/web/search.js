// What is searched with, and the pages of what was found.

import { byId, tell } from "/dom.js";
import * as grid from "/grid.js";
import { ask, call, chosen, Refused, unreachable } from "/server.js";

const PAGE = 60;
const UNPAGED = 200; // hits of a search that has no pages
const DOUBTFUL = 0.1; // below it the best hit is said to be a guess
let turn = 0; // answers to earlier searches are dropped
let next = null; // gives the next page; null at the end
let shown = 0;
let cut = false; // there may be more, which nothing gives
let first = null;
let opened = () => {};
let target = null; // the promise of what is searched
export const parts = { text: "", picture: null, like: null, without: [], where: "" };

function asked() {
  return {
    ...(parts.text && { text: parts.text }),
    ...(parts.picture && { image_base64: parts.picture.base64 }),
    ...(parts.like && { like: parts.like }),
    ...(parts.without.length && { without: parts.without }),
    ...(parts.where && { where: parts.where }),
  };
}

async function kept() { // pictures where there are any, else texts
  const { vectors } = await (await call(`/v1/collections/${encodeURIComponent(chosen())}`)).json();
  return vectors.text && !vectors.image ? "text" : "image";
}

export function look() {
  const mine = kept();
  target = mine;
  mine.catch(() => { if (target === mine) target = null; }); // the next search asks again, and tells
  return mine;
}

export const forget = () => { target = null; };
export const ready = () => target || look();

const searching = () => Boolean(parts.text || parts.picture || parts.like);

async function browsed(cursor) {
  const wanted = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }), ...(parts.where && { where: parts.where }) });
  const { items, cursor: following } = await ask(`items?${wanted}`);
  return { hits: items, cursor: following };
}

async function found(cursor) {
  const wanted = { ...asked(), target: await ready() };
  try {
    return await ask("search_page", { ...wanted, k: PAGE, cursor });
  } catch (error) {
    if (cursor || !(error instanceof Refused) || error.status !== 422) throw error;
    return { hits: await ask("search", { ...wanted, k: UNPAGED }), cursor: null, cut: true }; // as where queries are expanded
  }
}

function summary(first) {
  if (!shown) return parts.where ? "Nothing passes these filters." : "Nothing here matches.";
  const count = `${cut ? "the first " : ""}${shown}${next ? "+" : ""} ${shown === 1 ? "item" : "items"}`;
  if (!searching()) return count;
  const best = first.probability;
  const doubt = best !== null && best !== undefined && best < DOUBTFUL;
  return doubt ? `Nothing here surely matches; the nearest of ${count} are guesses.` : `${count}, best first`;
}

async function more(mine, get, cursor) {
  const page = await get(cursor);
  if (mine !== turn) return;
  grid.add(page.hits, opened);
  shown += page.hits.length;
  cut = Boolean(page.cut) && shown === UNPAGED;
  next = page.cursor === null ? null : () => more(mine, get, page.cursor);
  if (!cursor) first = page.hits[0];
  tell(summary(first));
  watch();
}

async function guarded(mine, step) {
  try {
    await step();
  } catch (error) {
    if (mine !== turn) return;
    tell(error.message, unreachable(error) ? () => guarded(mine, step) : null);
  }
}

export function begin() {
  const mine = ++turn;
  [next, shown] = [null, 0];
  grid.clear();
  tell("Searching…");
  return guarded(mine, () => more(mine, searching() ? found : browsed, null));
}

const observer = new IntersectionObserver((seen) => {
  if (!next || !seen.some((each) => each.isIntersecting)) return;
  const step = next;
  next = null;
  guarded(turn, step);
}, { rootMargin: "800px" });

function watch() { // anew after each page, so that an end still in sight is told again
  observer.unobserve(byId("end"));
  observer.observe(byId("end"));
}

export const onOpen = (open) => { opened = open; };
