// The matrix: rows grouped by what they differ in, groups folded, and arrow keys from square to square.

const squares = $("squares");
let laidOut; // columns, families and rows, unpacked once
const layoutOf = async () => (laidOut ??= await unpacked($("layout")));
const families = squares ? [...squares.querySelectorAll("tbody.family")] : [];

const home = families.map((family) => [...family.rows]);

// Puts the rows of one value of a factor below a heading that folds them.
async function groupBy(factor) {
  const { families: known } = await layoutOf();
  const groups = new Map();
  const put = (value, part) => groups.set(value, [...(groups.get(value) ?? []), part]);
  for (const body of squares.querySelectorAll("tbody.group, tbody.apart")) body.remove();
  for (const [i, family] of families.entries()) {
    family.append(...home[i]);
    const parts = partsOf(family, factor);
    for (const [value, part] of parts) put(value, part);
    if (parts.length) family.remove();
    else put(known[i][factor], family);
  }
  for (const [value, members] of groups) {
    const heading = element("tbody", "group");
    const row = element("tr", "method");
    const name = element("th", "", `${factor === "method" ? "" : `${visible(factor)} `}${worded(value)}`);
    name.scope = "rowgroup";
    row.append(name);
    heading.append(row);
    squares.append(heading, ...members);
    foldable(heading, members);
  }
}

// The rows of a family that has several values of a factor, each with its draws, in bodies of their own; else nothing.
function partsOf(family, factor) {
  const parts = [];
  for (const row of [...family.rows]) {
    const begins = row.dataset.factor === factor;
    if (begins) parts.push([row.dataset.value, element("tbody", factor === "seed" ? "family apart drawn" : "family apart")]);
    if (begins || (parts.length && row.matches(".draw") && factor !== "seed")) parts.at(-1)[1].append(row);
  }
  return parts;
}

// Makes a heading fold the families below it.
function foldable(heading, members) {
  const [row] = heading.rows;
  const [name] = row.cells;
  const button = element("button", "", name.textContent);
  button.type = "button";
  button.addEventListener("click", () => fold(button, members, button.getAttribute("aria-expanded") === "true"));
  name.colSpan = 1;
  name.replaceChildren(button);
  const width = squares.tHead.rows[squares.tHead.rows.length - 1].cells.length - 1;
  row.append(...Array.from({ length: width }, () => element("td", "range")));
  fold(button, members, $("fold-all").getAttribute("aria-pressed") === "true");
}

// The headings that the page came with.
function foldGroups() {
  for (const heading of squares.querySelectorAll("tbody.group")) {
    const members = [];
    for (let next = heading.nextElementSibling; next?.matches(".family"); next = next.nextElementSibling) members.push(next);
    foldable(heading, members);
  }
}

// A folded group tells, for each column, the lowest and the highest accuracy of its rows.
function fold(button, members, folded) {
  const now = button.getAttribute("aria-expanded") === "false";
  button.setAttribute("aria-expanded", String(!folded));
  if (now === folded) return;
  for (const family of members) family.hidden = folded;
  for (const [i, place] of [...button.closest("tr").cells].slice(1).entries()) {
    const found = folded ? members.flatMap((family) => accuraciesIn(family.rows[0].cells[i + 1])) : [];
    const [low, high] = [Math.min(...found), Math.max(...found)];
    place.textContent = !found.length ? "" : low === high ? `${low} %` : `${low}–${high} %`;
  }
}

function accuraciesIn(place) {
  const texts = [...place.querySelectorAll(".accuracy")].map((text) => text.textContent);
  const dense = [...place.querySelectorAll(".square.dense")].map((square) => square.textContent);
  return [...texts, ...dense].flatMap((text) => (text.match(/[\d.]+/g) ?? []).map(Number));
}

// Once a square has the focus, Tab reaches that one alone; arrows go on from there.
let reached; // before, Tab comes to the first, and nothing has to be set where there are thousands
function reachable(square) {
  if (reached) reached.tabIndex = -1;
  else for (const one of squares.querySelectorAll(".square")) one.tabIndex = -1;
  square.tabIndex = 0;
  reached = square;
}

function inDirection(square, key) {
  const row = square.closest("tr");
  const seen = (r) => r.checkVisibility?.() ?? r.offsetParent !== null;
  const first = (place) => place?.querySelector(".square");
  const along = (cells) => cells.map(first).find(Boolean);
  const column = square.closest("td").cellIndex;
  const cells = [...row.cells];
  if (key === "ArrowRight") return along(cells.slice(column + 1));
  if (key === "ArrowLeft") return along(cells.slice(0, column).reverse());
  if (key === "Home") return along(cells);
  if (key === "End") return along(cells.toReversed());
  const rows = [...squares.rows].filter(seen);
  const at = rows.indexOf(row);
  const onwards = key === "ArrowDown" ? rows.slice(at + 1) : rows.slice(0, at).reverse();
  return onwards.map((r) => first(r.cells[column])).find(Boolean);
}

if (squares) {
  squares.addEventListener("keydown", (event) => {
    if (!event.target.matches(".square") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    inDirection(event.target, event.key)?.focus();
  });
  squares.addEventListener("focusin", (event) => event.target.matches(".square") && reachable(event.target));
  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
  layoutOf().then(({ factors }) => {
    $("group-by").append(...factors.map((name) => new Option(visible(name), name)));
    foldGroups();
  });
  $("group-by").addEventListener("change", () => groupBy($("group-by").value));
  $("fold-all").addEventListener("click", () => {
    const folded = $("fold-all").getAttribute("aria-pressed") !== "true";
    $("fold-all").setAttribute("aria-pressed", String(folded));
    for (const button of squares.querySelectorAll(".method button")) {
      if ((button.getAttribute("aria-expanded") === "true") === folded) button.click();
    }
  });
}
