// The page: what starts a search, where Back leads, and what the keys do.

import * as address from "/address.js";
import * as collections from "/collections.js";
import { byId, tell } from "/dom.js";
import * as filters from "/filters.js";
import * as grid from "/grid.js";
import * as item from "/item.js";
import { listen as listenToKeys } from "/keys.js";
import { watch } from "/live.js";
import * as map from "/map.js";
import { showParts } from "/parts.js";
import * as picture from "/picture.js";
import * as search from "/search.js";
import { call, choose, chosen } from "/server.js";
import * as twins from "/twins.js";
import * as views from "/views.js";

const { parts } = search;

const place = () => ({ collection: chosen(), view: views.shown(), ...parts, filters: filters.kept(), item: item.shown() });

function again() {
  showParts(parts, again);
  views.show("photos");
  address.remember(place());
  return search.begin();
}

function take({ text, like, without, picture: seen, filters: kept }) {
  Object.assign(parts, { text, like, without, picture: seen });
  byId("text").value = text;
  filters.keep(kept);
  showParts(parts, again);
}

function takePicture(taken) {
  Object.assign(parts, { picture: taken, like: null });
  again();
}

function moreLike(key, without) {
  take({ ...address.nothing, like: key, without, filters: filters.kept() });
  window.scrollTo(0, 0);
  again();
  byId("photos-title").focus();
}

// Words and a picture go with whoever looks into another collection; keys and fields are its own
const carried = () => ({ ...address.nothing, text: parts.text, without: parts.without, picture: parts.picture });

async function enter(name, items, wanted = carried()) {
  choose(name);
  filters.forget();
  take(wanted);
  map.forget();
  twins.forget();
  views.show(wanted.view);
  if (!items) {
    search.stop();
    item.come(null);
    tell(`Collection ${name} is empty. Fill it with: embedstore index PATH --collection ${name}`);
    return;
  }
  search.forget();
  await search.begin(); // first what is looked for, and its pictures
  if (chosen() !== name) return;
  await item.come(wanted.item).catch((error) => tell(error.message, null, true));
  await grid.pictured();
  if (chosen() !== name) return;
  search.ready(); // what the first search needs, while nobody waits
  await filters.offer(again);
}

function entered(name, items, wanted) {
  return enter(name, items, wanted).catch((error) => tell(error.message, () => entered(name, items, wanted)));
}

async function start() {
  try {
    const there = await (await call("/v1/collections")).json();
    if (!there.length) tell("This store is empty. Fill it with: embedstore index PATH");
    await collections.counted(there, address.read());
    watch(came);
  } catch (error) {
    tell(error.message, start);
  }
}

function came(there, back) { // back: the server was silent before
  if (back && !byId("again").hidden) byId("again").click();
  return collections.counted(there);
}

const looked = ({ text, like, without, filters: kept, picture: seen }) => [JSON.stringify([text, like, without, kept]), seen];

async function back() {
  const [wanted, here] = [address.read(), place()];
  const other = wanted.collection !== chosen() && collections.named(wanted.collection);
  if (other) return collections.choose(other, wanted);
  if (looked(wanted).some((each, at) => each !== looked(here)[at])) {
    take(wanted);
    search.begin();
  }
  views.show(wanted.view);
  return item.come(wanted.item).catch((error) => tell(error.message, null, true));
}

async function deleted() {
  map.forget();
  await collections.agree();
  await search.begin();
}

byId("form").onsubmit = (event) => {
  event.preventDefault();
  const words = byId("text").value.trim().split(/\s+/);
  const unwanted = words.filter((each) => /^-\w/u.test(each)).map((each) => each.slice(1));
  parts.text = words.filter((each) => !/^-\w/u.test(each)).join(" ");
  parts.without = [...new Set([...parts.without, ...unwanted])];
  byId("text").value = parts.text;
  again();
};
window.onpopstate = back;
listenToKeys();
search.onOpen(item.open);
item.listen({ like: moreLike, opened: () => address.remember(place()), stepped: () => address.replace(place()), closed: () => address.leaveItems(place()), deleted });
picture.listen(takePicture);
collections.listen(
  (name, items, wanted) => { const done = entered(name, items, wanted); if (!wanted) address.remember(place()); return done; },
  () => { map.forget(); search.look(); again(); },
);
views.listen(() => address.remember(place()));
map.listen(item.open);
twins.listen(item.open, deleted);
start();
