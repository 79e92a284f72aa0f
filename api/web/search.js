// What is searched with, and the pages of what was found.

import { size } from "/collections.js";
import { byId, tell } from "/dom.js";
import { where } from "/filters.js";
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
let held = null; // the promise of what is searched: pictures or texts, and whether there are captions
export const parts = { text: "", picture: null, like: null, without: [] };

function asked() {
  return {
    ...(parts.text && { text: parts.text }),
    ...(parts.picture && { image_base64: parts.picture.base64 }),
    ...(parts.like && { like: parts.like }),
    ...(parts.without.length && { without: parts.without }),
    ...(where() && { where: where() }),
  };
}

async function kept() {
  const { vectors } = await (await call(`/v1/collections/${encodeURIComponent(chosen())}`)).json();
  return { target: vectors.text && !vectors.image ? "text" : "image", captions: Boolean(vectors.text) };
}

export function look() {
  const mine = kept();
  held = mine;
  mine.catch(() => { if (held === mine) held = null; }); // the next search asks again, and tells
  return mine;
}

export const forget = () => { held = null; };
export const ready = () => held || look();

const searching = () => Boolean(parts.text || parts.picture || parts.like);

async function browsed(cursor) {
  const wanted = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }), ...(where() && { where: where() }) });
  const { items, cursor: following } = await ask(`items?${wanted}`);
  return { hits: items, cursor: following };
}

async function found(cursor) {
  const wanted = { ...asked(), target: (await ready()).target };
  try {
    return await ask("search_page", { ...wanted, k: PAGE, cursor });
  } catch (error) {
    if (cursor || !(error instanceof Refused) || error.status !== 422) throw error;
    return { hits: await ask("search", { ...wanted, k: UNPAGED }), cursor: null, cut: true }; // as where queries are expanded
  }
}

function summary(first) {
  const one = (count) => (count === 1 ? "1 item" : `${count.toLocaleString()} items`);
  if (!shown) return where() ? "Nothing passes these filters." : "Nothing here matches.";
  if (!searching()) return where() ? `${next ? "more than " : ""}${one(shown)}` : one(next ? size() : shown);
  const best = first.probability;
  if (best !== null && best !== undefined && best < DOUBTFUL) return "Nothing here surely matches; these are guesses, the nearest first.";
  return next ? "The best first; more come as you scroll." : `${cut ? "the first " : ""}${one(shown)}, best first`;
}

async function more(mine, get, cursor) {
  const page = await get(cursor);
  if (mine !== turn) return;
  if (!cursor) renew();
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
    const passing = unreachable(error); // what was found before is better than nothing
    if (!passing) renew();
    tell(`${parts.picture && !passing ? `${parts.picture.name}: ` : ""}${error.message}`, passing ? () => guarded(mine, step) : null, true);
  }
}

function renew() {
  grid.clear();
  byId("results").classList.remove("old");
}

export function stop() {
  turn++;
  [next, shown] = [null, 0];
  renew();
}

export function begin() {
  const mine = ++turn;
  [next, shown] = [null, 0];
  byId("results").classList.add("old");
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
