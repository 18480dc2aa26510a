// One picture of the matrix as it is shown now: rows that are folded are folded, in SVG or PNG.

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 132; // of a square, in pixels
const HIGH = 58;
const LABEL = 230;
const HEAD = 64;
const LONGEST = 8000; // pixels of a side of a PNG, which browsers can draw
const INK = "#1b222c";

function shape(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text.replace(/[\ufffe\uffff]/g, "\ufffd");
  return made;
}

const text = (x, y, words, more = {}) => shape("text", { x, y, fill: INK, "font-size": 12, ...more }, words);
const shortened = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);
const plainText = (part) => (part?.textContent ?? "").replace(/\s+/g, " ").trim();

// Light to dark blue, as the page has it in the light.
function shadeOf(square) {
  const step = /(?:^|\s)a(\d+)(?:\s|$)/.exec(square.className);
  if (!step) return "#f6f7f9";
  const share = Number(step[1]) / 20;
  return `rgb(${[[242, 94], [245, 159], [249, 224]].map(([low, high]) => Math.round(low + (high - low) * share)).join(",")})`;
}

function drawSquare(square, x, y) {
  const group = shape("g", { transform: `translate(${x} ${y})` });
  const taught = square.classList.contains("taught");
  group.append(
    shape("rect", {
      width: WIDE - 4, height: HIGH - 4, rx: 4, fill: shadeOf(square),
      stroke: taught ? INK : "#dde1e7", "stroke-width": taught ? 2 : 1,
    }),
  );
  const accuracy = plainText(square.querySelector(".accuracy")) || plainText(square.querySelector(".state")) || plainText(square);
  const curve = square.querySelector("svg:not(.strip)");
  if (curve) {
    const small = shape("g", { transform: "translate(4 2) scale(1 .72)" });
    const looks = { band: { fill: "#b9d5f2" }, line: { stroke: "#0b5394", "stroke-width": 2 }, dots: { stroke: "#0b5394", "stroke-width": 5, "stroke-linecap": "round" }, chance: { stroke: "#a03c00", "stroke-dasharray": "3 3" } };
    for (const path of curve.querySelectorAll("path")) {
      small.append(shape("path", { d: path.getAttribute("d"), fill: "none", ...looks[path.getAttribute("class")] }));
    }
    group.append(small, text(6, HIGH - 10, accuracy, { "font-weight": 600 }));
    return group;
  }
  group.append(text(8, 21, shortened(accuracy, 16), { "font-size": 16, "font-weight": 600 }));
  group.append(text(8, 36, plainText(square.querySelector(".interval")), { fill: "#566070", "font-size": 11 }));
  group.append(text(8, 49, shortened(plainText(square.querySelector(".flagged, .difference")), 22), { fill: "#566070", "font-size": 9.5 }));
  return group;
}

function picture() {
  const rows = [...squares.rows].filter((row) => row.closest("tbody") && row.checkVisibility());
  const heads = [...squares.tHead.rows[squares.tHead.rows.length - 1].cells].slice(1);
  const spans = squares.tHead.rows.length > 1 ? [...squares.tHead.rows[0].cells].slice(1) : [];
  const drawn = shape("svg", { xmlns: SVG, "font-family": "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif" });
  const width = LABEL + heads.length * WIDE + 16;
  let y = 34;
  drawn.append(text(12, 24, shortened(plainText(document.querySelector("h1")), Math.max(30, Math.floor(width / 9))), { "font-size": 17, "font-weight": 700 }));
  let x = LABEL;
  for (const span of spans) {
    drawn.append(text(x, y + 12, shortened(plainText(span), span.colSpan * 20), { fill: "#566070", "font-size": 11 }));
    x += span.colSpan * WIDE;
  }
  for (const [i, head] of heads.entries()) {
    const [first, ...small] = [[...head.querySelectorAll(".part")].map(plainText).join(", "), ...[...head.querySelectorAll("small")].map(plainText)];
    drawn.append(text(LABEL + i * WIDE, y + 30, shortened(first, 20), { "font-weight": 600 }));
    const facts = small.join(" · ").split(" · ");
    for (const [line, words] of [facts.slice(0, 2), facts.slice(2)].entries()) {
      drawn.append(text(LABEL + i * WIDE, y + 44 + 12 * line, shortened(words.join(" · "), 24), { fill: "#566070", "font-size": 9.5 }));
    }
  }
  y += HEAD;
  for (const row of rows) {
    if (row.classList.contains("method")) {
      drawn.append(text(12, y + 16, plainText(row.cells[0]), { fill: "#566070" }));
      for (const [i, place] of [...row.cells].slice(1).entries()) drawn.append(text(LABEL + i * WIDE, y + 16, plainText(place), { fill: "#566070" }));
      y += 24;
      continue;
    }
    const names = [...row.cells[0].querySelectorAll(".axis, .arm, small:not(.axis)")].map(plainText).filter(Boolean);
    const labels = names.length ? names : [plainText(row.cells[0])];
    for (const [i, label] of labels.slice(0, 3).entries()) {
      drawn.append(text(12, y + 18 + 15 * i, shortened(label, 34), i < labels.length - 1 ? { "font-weight": 600 } : { fill: "#566070" }));
    }
    for (const [i, place] of [...row.cells].slice(1).entries()) {
      for (const square of [...place.querySelectorAll(".square")].slice(0, 1)) drawn.append(drawSquare(square, LABEL + i * WIDE, y));
    }
    y += HIGH;
  }
  drawn.append(text(12, y + 18, "Accuracy with its 95 % interval; framed: asked what was taught.", { fill: "#566070", "font-size": 11 }));
  const size = { width, height: y + 30 };
  for (const [name, value] of Object.entries(size)) drawn.setAttribute(name, value);
  drawn.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  drawn.prepend(shape("rect", { width: "100%", height: "100%", fill: "#ffffff" }));
  return { source: new XMLSerializer().serializeToString(drawn), ...size };
}

async function png() {
  const { source, width, height } = picture();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode();
  const scale = Math.min(2, LONGEST / width, LONGEST / height);
  const canvas = Object.assign(document.createElement("canvas"), { width: width * scale, height: height * scale });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

const nameOf = (ending) => `${plainText(document.querySelector(".over")).replace(/[^\w-]+/g, "-")}-matrix.${ending}`;

if (squares) {
  $("copy-png").addEventListener("click", async () => {
    const blob = await png();
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      $("told").textContent = "copied";
    } catch {
      save(nameOf("png"), blob); // a browser that lets no page copy
      $("told").textContent = "saved, as this browser does not let the page copy";
    }
  });
  $("save-png").addEventListener("click", async () => save(nameOf("png"), await png()));
  $("save-svg").addEventListener("click", () => save(nameOf("svg"), new Blob([picture().source], { type: "image/svg+xml" })));
}
