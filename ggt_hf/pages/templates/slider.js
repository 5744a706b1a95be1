// A slider is a range input laid over two pictures: mouse, touch and keyboard come with it.
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input");
  const show = () => {
    slider.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % ${range.dataset.before}`);
  };
  range.addEventListener("input", show);
  show();
}
