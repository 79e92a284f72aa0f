// The pictures on a plane; the groups below hold the same for keys and screen readers.

import { byId, element } from "/dom.js";
import * as grid from "/grid.js";
import { ask, itemOf, pictureOf, show } from "/server.js";
import * as views from "/views.js";

const [DOT, REACH, EDGE, SLICE] = [4, 14, 16, 60]; // pixels, pixels, pixels, pictures
const canvas = byId("map-canvas");
let [drawn, group, listed, hovered, turn] = [null, null, 0, null, 0];
let opened = () => {};
const colour = (number) => `hsl(${Math.round(number * 137.5) % 360} 65% 50%)`;
const place = ({ x, y }) => [
  EDGE + (x + 1) / 2 * (canvas.clientWidth - 2 * EDGE),
  EDGE + (1 - y) / 2 * (canvas.clientHeight - 2 * EDGE),
];

function draw() {
  const scale = window.devicePixelRatio;
  Object.assign(canvas, { width: canvas.clientWidth * scale, height: canvas.clientHeight * scale });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  for (const point of drawn?.points || []) {
    pen.globalAlpha = group === null || group === point.group ? 0.85 : 0.12;
    pen.fillStyle = colour(point.group);
    pen.beginPath();
    pen.arc(...place(point), DOT, 0, 2 * Math.PI);
    pen.fill();
  }
}

function nearest({ offsetX, offsetY }) {
  let [best, reach] = [null, REACH];
  for (const point of drawn?.points || []) {
    const [x, y] = place(point);
    const far = Math.hypot(x - offsetX, y - offsetY);
    if (far < reach) [best, reach] = [point, far];
  }
  return best;
}

function preview(point) {
  const box = byId("map-preview");
  box.hidden = !point;
  canvas.classList.toggle("over", Boolean(point));
  if (!point || point === hovered) return;
  const image = element("img", { alt: "" });
  show(image, `${pictureOf(point.key)}?side=160`);
  box.replaceChildren(image);
  const [x, y] = place(point);
  box.style.left = `${Math.min(x + 12, canvas.clientWidth - 172)}px`;
  box.style.top = `${Math.min(y + 12, canvas.clientHeight - 172)}px`;
}

async function reported(step) {
  try {
    await step();
  } catch (error) {
    byId("map-told").textContent = error.message;
  }
}

const open = ({ key }) => reported(async () => opened(await itemOf(key)));

function more() {
  const members = drawn.points.filter((point) => point.group === group);
  const some = members.slice(listed, listed + SLICE).map(({ key }) => ({ key, texts: [], meta: {}, image: pictureOf(key), stub: true }));
  grid.add(some, open, byId("map-items"));
  listed += some.length;
  byId("map-more").hidden = listed >= members.length;
}

function select(number) {
  group = group === number ? null : number;
  [...byId("map-groups").querySelectorAll("button")].forEach((each, at) => { each.ariaPressed = String(at === group); });
  grid.clear(byId("map-items"));
  [listed, byId("map-more").hidden] = [0, true];
  if (group !== null) {
    more();
    byId("map-items").scrollIntoView({ block: "nearest" });
  }
  draw();
}

function named({ item, size }, number) {
  const dot = element("span", { className: "dot" });
  dot.style.background = colour(number);
  const button = element("button", { type: "button", ariaPressed: "false", onclick: () => select(number) },
    dot, grid.picture(item, 160), element("span", { className: "said" }, `like “${grid.words(item)}”`), element("span", {}, size.toLocaleString()));
  return element("li", {}, button);
}

function told({ points, pictures }) {
  if (!pictures) return "There are no pictures here to draw.";
  const some = points.length < pictures ? `${points.length.toLocaleString()} of ${pictures.toLocaleString()} pictures` : `${pictures.toLocaleString()} pictures`;
  return `${some}; like lies near like. Choose a dot, or a group below.`;
}

const load = () => reported(async () => {
  forget();
  const mine = turn;
  byId("map-told").textContent = "Drawing…";
  const given = await ask("map");
  if (mine !== turn) return;
  drawn = given;
  byId("map-told").textContent = told(drawn);
  byId("map-groups").replaceChildren(...drawn.groups.map(named));
  draw();
});

export function forget() {
  [drawn, group, listed, hovered, turn] = [null, null, 0, null, turn + 1];
  for (const list of ["map-groups", "map-items"]) byId(list).replaceChildren();
  byId("map-more").hidden = true;
  preview(null);
}

export function listen(open_) {
  opened = open_;
  byId("map-more").onclick = more;
  canvas.onpointermove = (event) => {
    const point = nearest(event);
    preview(point);
    hovered = point;
  };
  canvas.onpointerleave = () => { preview(null); hovered = null; };
  canvas.onclick = (event) => {
    const point = nearest(event);
    if (point) open(point);
  };
  new ResizeObserver(draw).observe(canvas);
  views.onOpen("map", () => (drawn ? draw() : load()));
}
