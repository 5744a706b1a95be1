// Zooming two pictures under one slider: wheel, two fingers, double click, drag, keys.
// `stage` is the slider; its pictures follow --zoom, the edge between them --at and --cut.
const MAX_ZOOM = 16;
const GRIP = 28; // pixels beside the handle that still mean the handle

const stage = document.getElementById("stage");
const range = stage.querySelector("input");
const view = { scale: 1, x: 0, y: 0, pixelScale: 1 };

function applyView() {
  const { clientWidth: width, clientHeight: height } = stage;
  view.x = Math.min(0, Math.max(width * (1 - view.scale), view.x));
  view.y = Math.min(0, Math.max(height * (1 - view.scale), view.y));
  stage.style.setProperty("--zoom", `translate(${view.x}px, ${view.y}px) scale(${view.scale})`);
  const edge = (range.value / 100) * width;
  stage.style.setProperty("--cut", `${((edge - view.x) / view.scale / width) * 100}%`);
  stage.classList.toggle("zoomed", view.scale > 1);
  stage.classList.toggle("pixels", view.scale > view.pixelScale * 1.5);
}

function zoomTo(scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const next = Math.min(Math.max(MAX_ZOOM, view.pixelScale), Math.max(1, scale));
  view.x = x - ((x - view.x) / view.scale) * next;
  view.y = y - ((y - view.y) / view.scale) * next;
  view.scale = next;
  applyView();
}

function pan(x, y) {
  view.x += x;
  view.y += y;
  applyView();
}

// Fit, and from there pixel for pixel of the screen; a picture smaller than the stage doubles.
function toggleZoom(x, y) {
  zoomTo(view.scale > 1 ? 1 : Math.max(2, view.pixelScale), x, y);
}

function resetView(pictureWidth) {
  view.pixelScale = pictureWidth / devicePixelRatio / stage.clientWidth;
  Object.assign(view, { scale: 1, x: 0, y: 0 });
  slideTo(50);
}

function slideTo(share) {
  range.value = Math.min(100, Math.max(0, share));
  range.dispatchEvent(new Event("input"));
}

range.addEventListener("input", applyView);
new ResizeObserver(applyView).observe(stage);

const place = (event) => {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { x, y } = place(event);
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
  zoomTo(view.scale * Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), x, y);
}, { passive: false });

stage.addEventListener("dblclick", (event) => {
  const { x, y } = place(event);
  toggleZoom(x, y);
});

// One pointer moves the slider, or the picture where it is zoomed and the handle is not near;
// two pointers pinch.
const pointers = new Map();
let dragsHandle = false;

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  stage.setPointerCapture(event.pointerId);
  const at = place(event);
  pointers.set(event.pointerId, at);
  const handle = (range.value / 100) * stage.clientWidth;
  dragsHandle = view.scale === 1 || Math.abs(at.x - handle) < GRIP;
  if (pointers.size === 1 && view.scale === 1) slideTo((at.x / stage.clientWidth) * 100);
});

stage.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const at = place(event);
  if (pointers.size === 2) {
    const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
    const spread = (p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
    zoomTo((view.scale * spread(at)) / spread(before), (at.x + other.x) / 2, (at.y + other.y) / 2);
    pan((at.x - before.x) / 2, (at.y - before.y) / 2);
  } else if (dragsHandle) {
    slideTo((at.x / stage.clientWidth) * 100);
  } else {
    pan(at.x - before.x, at.y - before.y);
  }
  pointers.set(event.pointerId, at);
});

for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => {
    pointers.delete(event.pointerId);
    // The finger that stays after a pinch must not throw the slider across the picture.
    dragsHandle = false;
  });
}
