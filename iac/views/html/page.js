"use strict";
// Every control of a group filters the items of that group; without this script all items are shown.
for (const group of document.querySelectorAll("[data-group]")) {
  const items = [...group.querySelectorAll("[data-item]")];
  const controls = [...group.querySelectorAll("[data-filter]")];
  const count = group.querySelector("[data-count]");
  const words = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));

  const wants = (item, control) => {
    const { filter } = control.dataset;
    if (control.type === "checkbox") return !control.checked || item.dataset.marks.split(" ").includes(filter);
    if (!control.value) return true;
    if (filter === "words") return words.get(item).includes(control.value.toLowerCase());
    return JSON.parse(item.dataset[filter]).includes(control.value);
  };
  const show = () => {
    let shown = 0;
    for (const item of items) {
      item.hidden = !controls.every((control) => wants(item, control));
      shown += item.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${items.length}`;
  };
  for (const control of controls) control.addEventListener("input", show);
  for (const button of group.querySelectorAll("[data-unfold]")) {
    button.addEventListener("click", () => {
      for (const item of items) item.open = !item.hidden && button.dataset.unfold === "all";
    });
  }
  show();
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const text = (row) => row.cells[head.cellIndex].textContent.trim();
    const order = new Intl.Collator("en", { numeric: true }).compare;
    const known = (row) => (text(row) ? 0 : 1); // what is not known comes last in both orders
    const rows = [...body.rows].sort(
      (one, two) => known(one) - known(two) || (ascending ? 1 : -1) * order(text(one), text(two)),
    );
    body.append(...rows);
  });
}

addEventListener("beforeprint", () => {
  for (const item of document.querySelectorAll("details")) item.open = true;
});
