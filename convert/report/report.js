"use strict";
// Filters everything that has the class "item" by the words in the search box; opens what a link points to.
const box = document.getElementById("search");
const items = [...document.querySelectorAll(".item")].map((element) => ({
  element,
  text: ((element.querySelector("summary") || element).textContent + " " + (element.dataset.words || "")).toLowerCase(),
}));
const sections = [...document.querySelectorAll("section")].filter((section) => section.querySelector(".item"));

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of items) {
    item.element.hidden = !words.every((word) => item.text.includes(word));
  }
  for (const section of sections) {
    const all = section.querySelectorAll(".item");
    const shown = section.querySelectorAll(".item:not([hidden])").length;
    section.querySelector(".shown").textContent = words.length ? shown + " of " + all.length : "";
    section.classList.toggle("none", words.length > 0 && shown === 0);
  }
}

function open() {
  let target = null;
  try {
    target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return;
  }
  if (target && target.tagName === "DETAILS") {
    if (target.hidden) {
      box.value = "";
      filter();
    }
    target.open = true;
    target.scrollIntoView();
  }
}

let timer = 0;
box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(filter, 120);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) {
    event.preventDefault();
    box.focus();
  }
});
for (const button of document.querySelectorAll("button[data-filter]")) {
  button.addEventListener("click", () => {
    box.value = box.value === button.dataset.filter ? "" : button.dataset.filter;
    filter();
  });
}
for (const element of document.querySelectorAll(".script")) {
  element.hidden = false;
}
window.addEventListener("hashchange", open);
filter();
open();
