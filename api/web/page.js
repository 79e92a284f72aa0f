"use strict";

const byId = (id) => document.getElementById(id);
const status = (words) => { byId("status").textContent = words; };
let picture = null; // base64 of the picture to search with
let latest = 0; // answers of earlier searches are dropped

async function call(path, body) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  const answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (answer.status === 401) {
    sessionStorage.setItem("key", prompt("API key of this server:") || "");
    if (sessionStorage.getItem("key")) return call(path, body);
  }
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer;
}

async function search(query) {
  const mine = ++latest;
  const name = encodeURIComponent(byId("collection").value);
  status("Searching…");
  try {
    const hits = await (await call(`/v1/collections/${name}/search`, { k: 48, ...query })).json();
    if (mine !== latest) return;
    byId("results").replaceChildren(...hits.map(figure));
    status(hits.length ? `${hits.length} photos, best first` : "Nothing here fits.");
  } catch (error) {
    if (mine === latest) status(error.message);
  }
}

function submit() {
  const text = byId("text").value.trim();
  if (!text && !picture) return status("Type some words, or drop a picture.");
  search({ ...(text && { text }), ...(picture && { image_base64: picture }) });
}

function figure(hit) {
  const caption = hit.text || hit.texts[0] || hit.key;
  const like = element("button", { type: "button", textContent: "More like this" });
  like.onclick = () => search({ like: hit.key });
  const likely = hit.probability === null ? "" : `, ${Math.round(100 * hit.probability)}% likely`;
  const line = element("figcaption", {}, `${hit.rank}. ${caption} (${hit.score.toFixed(3)}${likely}) `, like);
  const box = element("figure", {}, hit.image ? thumbnail(hit, caption) : element("div", { className: "words" }, caption), line);
  return box;
}

function thumbnail(hit, alt) {
  const image = element("img", { alt, loading: "lazy" });
  if (!sessionStorage.getItem("key")) image.src = hit.image;
  else call(hit.image).then((answer) => answer.blob()).then((blob) => { image.src = URL.createObjectURL(blob); });
  return image;
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function take(file) {
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => {
    picture = reader.result.split(",")[1];
    byId("preview").src = reader.result;
    byId("picture").hidden = false;
    submit();
  };
  reader.readAsDataURL(file);
}

byId("form").onsubmit = (event) => { event.preventDefault(); submit(); };
byId("file").onchange = (event) => take(event.target.files[0]);
byId("clear").onclick = () => { picture = null; byId("picture").hidden = true; };
document.onpaste = (event) => take([...event.clipboardData.files][0]);
document.ondragover = (event) => { event.preventDefault(); document.body.classList.add("dropping"); };
document.ondragleave = () => document.body.classList.remove("dropping");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files[0]);
};

call("/v1/collections").then(async (answer) => {
  const names = (await answer.json()).map(({ name, items }) => element("option", { value: name }, `${name} (${items})`));
  byId("collection").append(...names);
  if (!names.length) status("This store is empty. Fill it with: embedstore index PATH");
}).catch((error) => status(error.message));
