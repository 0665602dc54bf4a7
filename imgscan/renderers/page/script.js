"use strict";
// The page says everything without this: it filters findings, opens the one that a link leads to, and all of them for paper.
for (const section of document.querySelectorAll("section.findings")) {
  const form = section.querySelector("form.filter");
  const cards = Array.from(section.querySelectorAll("details.finding"));
  if (!form) continue;
  const result = form.querySelector(".result");
  const show = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const family = form.elements.family.value;
    const severities = new Set(Array.from(form.querySelectorAll("input[name=severity]:checked"), (box) => box.value));
    let count = 0;
    for (const card of cards) {
      const text = card.dataset.search;
      const fits = severities.has(card.dataset.severity) && (!family || card.dataset.family === family) && words.every((word) => text.includes(word));
      card.hidden = !fits;
      count += fits ? 1 : 0;
    }
    result.textContent = count === cards.length ? "" : `${count} of ${cards.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
for (const section of document.querySelectorAll("section.filtered")) {
  const form = section.querySelector("form.filter");
  const rows = Array.from(section.querySelectorAll(".row"));
  if (!form) continue;
  const result = form.querySelector(".result");
  const show = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.search.includes(word));
      count += row.hidden ? 0 : 1;
    }
    result.textContent = count === rows.length ? "" : `${count} of ${rows.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
}
const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches("details.finding")) {
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
};
window.addEventListener("hashchange", openTarget);
openTarget();
let closed = [];
window.addEventListener("beforeprint", () => {
  closed = Array.from(document.querySelectorAll("details:not([open])"));
  for (const each of closed) each.open = true;
});
window.addEventListener("afterprint", () => {
  for (const each of closed) each.open = false;
});
