// One pair at a time: pictures are fetched when they are near, decisions are sent as they fall.
const AHEAD = 4;
const KEPT = 10;

const state = JSON.parse(document.getElementById("state").textContent);
const { items, choices } = state;
const decisions = new Map(Object.entries(state.decisions));
const past = []; // what undo takes back: { index, before }
const $ = (id) => document.getElementById(id);
let current = 0;

// --- pictures ---------------------------------------------------------------------------------

const pairs = new Map(); // index -> { all, ready }: its pictures, the lowest first; the least recently shown first

function load(index) {
  const pair = pairs.get(index) ?? fetchPair(items[index]);
  pairs.delete(index);
  pairs.set(index, pair);
  if (pairs.size > KEPT) pairs.delete(pairs.keys().next().value);
  return pair;
}

function fetchPair(item) {
  const picture = (side, label) => {
    const image = new Image(item.width, item.height);
    image.className = side;
    image.alt = state.shows_keys ? `${item.key}, ${label}` : label;
    image.draggable = false;
    image.src = item[side];
    return image;
  };
  const before = picture("before", state.before_label);
  const after = picture("after", state.after_label);
  const all = [after, before];
  if (item.reference) all.push(picture("reference", state.reference_label));
  const ready = Promise.all(all.map((image) => image.decode()));
  ready.catch(() => {}); // told where it is shown
  return { all, ready };
}

function show(index) {
  current = Math.min(items.length - 1, Math.max(0, index));
  const item = items[current];
  const pair = load(current);
  stage.style.setProperty("--ratio", item.width / item.height);
  for (const image of stage.querySelectorAll("img")) image.remove();
  stage.prepend(...pair.all);
  stage.classList.toggle("loading", !pair.all.every((image) => image.complete));
  resetView(item.width);
  say("");
  tell();
  const shown = current;
  pair.ready.then(
    () => {
      if (shown !== current) return;
      stage.classList.remove("loading");
      for (let next = current + 1; next <= current + AHEAD && next < items.length; next++) load(next);
      if (current) load(current - 1);
      load(current); // the pair on show is the last to be dropped
    },
    () => {
      pairs.delete(shown); // the next look tries again
      if (shown === current) say("A picture of this pair is missing, damaged or changed.");
    },
  );
}

// --- decisions --------------------------------------------------------------------------------

function decide(choice, reason = "") {
  const { key } = items[current];
  past.push({ index: current, before: decisions.get(key) });
  record(current, { choice: choice.value, reason });
  goToUndecided();
}

function undo() {
  const last = past.pop() ?? { index: current };
  record(last.index, last.before);
  show(last.index);
}

function record(index, decision) {
  const { key, pair } = items[index];
  if (!decision && !decisions.has(key)) return;
  if (decision) decisions.set(key, decision);
  else decisions.delete(key);
  store.save({ key, pair, ...(decision ?? { choice: "undo", reason: "" }) });
}

function goToUndecided() {
  const order = items.map((_, i) => (current + 1 + i) % items.length);
  const next = order.find((index) => !decisions.has(items[index].key));
  if (next !== undefined) return show(next);
  show(current);
  say("All pairs are decided.");
}

function ask(choice) {
  if (!choice.reasons.length) return decide(choice);
  $("why").textContent = `${choice.label}: why?`;
  $("presets").replaceChildren(...choice.reasons.map((reason, index) => {
    const button = document.createElement("button");
    const digit = document.createElement("kbd");
    digit.textContent = index + 1;
    button.append(digit, reason);
    button.onclick = () => settle(reason);
    return button;
  }));
  $("typed").value = "";
  $("reasons").showModal();
  const settle = (reason) => {
    $("reasons").close();
    decide(choice, reason);
  };
  $("reasons").onkeydown = (event) => {
    const typing = event.target === $("typed");
    const written = $("typed").value.trim();
    if (event.isComposing) return;
    if (typing && event.key === "Enter" && written) settle(written);
    const preset = choice.reasons[event.key - 1];
    if (!typing && preset) {
      event.preventDefault();
      settle(preset);
    }
  };
}

// --- keeping them -----------------------------------------------------------------------------

// On a server: one after the other, each again until it is on the disk.
function serverStore(url) {
  const unsent = [];
  let failure = "";
  let sending = false;
  const send = async (decision) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(decision) });
    if (answer.status === 507) throw new Error(await answer.text()); // the disk
    if (!answer.ok) throw new Error(`answer ${answer.status}; is ggt review running?`);
  };
  const flush = async () => {
    if (sending) return;
    sending = true;
    while (unsent.length) {
      try {
        await send(unsent[0]);
        unsent.shift();
        failure = "";
      } catch (error) {
        failure = error instanceof TypeError ? "no answer; is ggt review running?" : error.message;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      tell();
    }
    sending = false;
  };
  addEventListener("beforeunload", (event) => unsent.length && event.preventDefault());
  return {
    save: (decision) => {
      unsent.push(decision);
      flush();
    },
    status: () => (failure ? `${unsent.length} not saved: ${failure}`
      : unsent.length ? "saving" : "saved"),
    failed: () => failure !== "",
  };
}

// Without one: in this browser, until they are saved as a file.
function browserStore() {
  const name = `ggt-review ${state.reviewer} ${items[0].pair} ${items.length}`;
  const rows = JSON.parse(localStorage.getItem(name) ?? "[]");
  for (const { key, choice, reason } of rows) {
    if (choice === "undo") decisions.delete(key);
    else decisions.set(key, { choice, reason });
  }
  $("save").hidden = false;
  $("save").onclick = () => {
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines], { type: "application/jsonl" }));
    link.download = `${state.reviewer}.jsonl`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return {
    save: (decision) => {
      rows.push({ ...decision, at: new Date().toISOString() });
      localStorage.setItem(name, JSON.stringify(rows));
    },
    status: () => "kept in this browser",
    failed: () => false,
  };
}

const store = state.decide_url ? serverStore(state.decide_url) : browserStore();

// --- what the page says -----------------------------------------------------------------------

function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

function tell() {
  const item = items[current];
  const decision = decisions.get(item.key);
  const choice = choices.find(({ value }) => value === decision?.choice);
  $("number").textContent = `${current + 1} / ${items.length}`;
  $("decided").textContent = `${items.filter(({ key }) => decisions.has(key)).length} decided`;
  $("counts").textContent = choices.map(({ value, label }) => `${label} ${
    items.filter(({ key }) => decisions.get(key)?.choice === value).length}`).join(" · ");
  $("saved").textContent = store.status();
  $("saved").classList.toggle("failed", store.failed());
  $("key").textContent = item.key;
  $("category").textContent = item.category?.replace("_", " ") ?? "";
  $("prompt").textContent = item.prompt;
  $("credit").textContent = item.credit;
  $("verdict").textContent = [choice?.label, decision?.reason].filter(Boolean).join(": ");
  $("verdict").className = `badge ${choice?.tone ?? ""}`;
  for (const button of document.querySelectorAll("[data-choice]")) {
    button.setAttribute("aria-pressed", choices[button.dataset.choice] === choice);
  }
  paintStrip();
}

function paintStrip() {
  const strip = $("strip");
  strip.width = strip.clientWidth * devicePixelRatio;
  const brush = strip.getContext("2d");
  // A probe turns light-dark() into a colour that a canvas knows.
  const colour = (name) => {
    strip.style.color = `var(--${name})`;
    return getComputedStyle(strip).color;
  };
  const tones = Object.fromEntries(["good", "bad", "open", "ink"].map((name) => [name, colour(name)]));
  const step = strip.width / items.length;
  items.forEach(({ key }, index) => {
    const choice = choices.find(({ value }) => value === decisions.get(key)?.choice);
    if (choice) {
      brush.fillStyle = tones[choice.tone];
      brush.fillRect(index * step, 0, Math.max(1, step), strip.height);
    }
  });
  brush.fillStyle = tones.ink;
  brush.fillRect(current * step, 0, Math.max(3, step), strip.height / 2);
}

// --- hands ------------------------------------------------------------------------------------

const moves = {
  previous: () => show(current - 1),
  next: () => show(current + 1),
  undecided: goToUndecided,
  undo,
};

const keys = {
  ArrowLeft: moves.previous,
  ArrowRight: moves.next,
  j: moves.previous,
  k: moves.next,
  n: moves.undecided,
  Backspace: undo,
  "[": () => slideTo(Number(range.value) - 5),
  "]": () => slideTo(Number(range.value) + 5),
  Home: () => slideTo(0),
  End: () => slideTo(100),
  "+": () => zoomTo(view.scale * 1.5),
  "=": () => zoomTo(view.scale * 1.5),
  "-": () => zoomTo(view.scale / 1.5),
  0: () => zoomTo(1),
  z: () => toggleZoom(),
  "?": () => $("keys").showModal(),
  ...Object.fromEntries(choices.map((choice) => [choice.shortcut, () => ask(choice)])),
};

const pans = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] };
// Held, they show another picture.
const holds = { " ": "whole", ...($("reference") && { i: "referred", I: "referred" }) };
// Who came to the slider or a button by Tab means that one.
const own = { RANGE: ["ArrowLeft", "ArrowRight", "Home", "End"], BUTTON: [" ", "Enter"] };

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z") return undo();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const focused = event.target === range ? "RANGE" : event.target.tagName;
  if (own[focused]?.includes(event.key)) return;
  const act = holds[event.key] ? () => stage.classList.add(holds[event.key])
    : event.shiftKey && pans[event.key] ? () => pan(...pans[event.key])
      : keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  // A held key may run through the pairs, but must not decide them.
  const runs = ["ArrowLeft", "ArrowRight", "j", "k", "[", "]", "+", "=", "-"].includes(event.key);
  if (!event.repeat || runs || event.shiftKey) act();
});
addEventListener("keyup", (event) => holds[event.key] && stage.classList.remove(holds[event.key]));
addEventListener("blur", () => stage.classList.remove(...Object.values(holds)));

document.querySelector("footer").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (event.detail) button.blur(); // by mouse: the keys go on to mean the pair
  if (button.dataset.go) moves[button.dataset.go]();
  else if (button.dataset.choice) ask(choices[button.dataset.choice]);
});
$("strip").addEventListener("click", (event) => {
  show(Math.floor((event.offsetX / $("strip").clientWidth) * items.length));
});
if ($("reference")) {
  $("reference").onpointerdown = () => stage.classList.add("referred");
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
    $("reference").addEventListener(end, () => stage.classList.remove("referred"));
  }
}
$("help").onclick = () => $("keys").showModal();
$("close").onclick = () => $("keys").close();
$("cancel").onclick = () => $("reasons").close();
addEventListener("resize", tell);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);

const first = items.findIndex(({ key }) => !decisions.has(key));
show(Math.max(0, first));
if (first < 0) say("All pairs are decided.");
