// What is looked at, in the page's address: Back and reload come to it again.

const pictures = new Map(); // no address holds a picture; Back finds it here, a reload does not

export const nothing = { collection: "", view: "photos", text: "", like: null, without: [], filters: {}, item: null, picture: null };

export function written({ collection, view, text, like, without, filters, item }) {
  const told = new URLSearchParams();
  if (collection) told.set("in", collection);
  if (view !== nothing.view) told.set("view", view);
  if (text) told.set("words", text);
  if (like) told.set("like", like);
  without.forEach((each) => told.append("not", each));
  if (Object.keys(filters).length) told.set("filters", JSON.stringify(filters));
  if (item) told.set("item", item);
  return `?${told}`;
}

function parsed(words) {
  try {
    return Object(JSON.parse(words));
  } catch {
    return {}; // an address that somebody cut
  }
}

export function read() {
  const told = new URLSearchParams(location.search);
  return {
    collection: told.get("in") || "",
    view: told.get("view") || nothing.view,
    text: told.get("words") || "",
    like: told.get("like"),
    without: told.getAll("not"),
    filters: parsed(told.get("filters") || "{}"),
    item: told.get("item"),
    picture: pictures.get(history.state?.picture) || null,
  };
}

const above = () => history.state?.items || 0; // items that were opened since the photos were left

function named(picture) {
  const known = [...pictures].find(([, each]) => each === picture);
  const name = known ? known[0] : `${performance.timeOrigin} ${pictures.size}`; // a reload counts anew
  pictures.set(name, picture);
  return name;
}

const state = ({ item, picture }, items) => ({ picture: picture && named(picture), items: item ? items : 0 });

export function remember(place) {
  if (written(place) === location.search && place.picture === read().picture) return;
  if (!location.search) replace(place); // where the page was opened
  else history.pushState(state(place, above() + 1), "", written(place));
}

export const replace = (place) => history.replaceState(state(place, above()), "", written(place));

export function leaveItems(place) { // Back after it does not open them again
  if (above()) history.go(-above());
  else replace(place);
}
