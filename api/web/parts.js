// What is searched with, each part with a button that takes it away.

import { byId, element } from "/dom.js";

export function showParts(parts, again) {
  function part(label, remove, ...children) {
    const button = element("button", { type: "button", ariaLabel: `Remove ${label}` }, "✕");
    button.onclick = () => { Object.assign(parts, remove); again(); };
    return element("li", {}, ...children, label, button);
  }
  const { picture, like, without } = parts;
  byId("parts").replaceChildren(
    ...(picture ? [part(picture.name, { picture: null }, element("img", { src: picture.url, alt: "" }))] : []),
    ...(like ? [part(`like ${like}`, { like: null })] : []),
    ...without.map((word) => part(`not ${word}`, { without: without.filter((each) => each !== word) })),
  );
}
