// Words go into the page as text nodes only: HTML in a caption is shown, never run.

export const byId = (id) => document.getElementById(id);

export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function tell(words, again = null, wrong = Boolean(again)) {
  byId("status").textContent = words;
  byId("status").classList.toggle("wrong", wrong);
  byId("again").hidden = !again;
  byId("again").onclick = again;
}
