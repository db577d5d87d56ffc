
// What a page has beside its frames: views beside or below each other.
"use strict";
(() => {
  const tools = document.getElementById("tools"), stack = document.getElementById("stack");
  if (!tools) return;
  tools.hidden = document.getElementById("about").hidden = false;
  stack.addEventListener("click", () => {
    const isStacked = document.body.classList.toggle("stacked");
    stack.textContent = isStacked ? "Beside each other" : "Below each other";
    dispatchEvent(new Event("resize"));
  });
})();
