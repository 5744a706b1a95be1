// Tables: a click on a head sorts by it, a second click the other way round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") === "descending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.sort;
    const order = (a, b) => {
      const [x, y] = [Number(value(a)), Number(value(b))];
      if (Number.isNaN(x) || Number.isNaN(y)) return value(a).localeCompare(value(b));
      return x - y;
    };
    const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? order(a, b) : order(b, a)));
    table.tBodies[0].append(...rows);
  }));
}
// Pictures: any two versions under the sliders of a task.
for (const pick of document.querySelectorAll(".pick")) {
  const [left, right] = pick.querySelectorAll("select");
  const show = () => {
    for (const slider of document.getElementById(pick.dataset.of).querySelectorAll(".slider")) {
      for (const image of slider.querySelectorAll("img")) {
        const [before, after] = [left.value, right.value].map((name) => image.dataset.version === name);
        image.hidden = !before && !after;
        // One version on both sides is shown once, whole.
        image.className = before && !after ? "before" : "after";
      }
      slider.querySelector(".label.before").textContent = left.value;
      slider.querySelector(".label.after").textContent = right.value;
      const range = slider.querySelector("input");
      range.dataset.before = left.value;
      range.dispatchEvent(new Event("input"));
    }
  };
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  show();  // a browser keeps choices over a reload
}
