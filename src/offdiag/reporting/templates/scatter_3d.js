"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const [space, animation, step, play, goal, caption, point, axes] =
  ["space", "animation", "step", "play", "goal", "caption", "point", "axes"].map((id) => document.getElementById(id));
const pen = space.getContext("2d");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let shown = [];          // places as drawn, on their way to those of the step
let screen = [];         // x, y and depth of each point on the canvas
let turn = 0, tilt = 0, zoom = 1, drag = null, timer = null, moving = 0;

const current = () => data.animations[animation.value];
const target = () => current().steps[step.value].places;

function project([x, y, z], width, height) {
  const [ct, st, cp, sp] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
  const across = x * ct + z * st, away = z * ct - x * st;
  const up = y * cp - away * sp, depth = y * sp + away * cp;
  const scale = zoom * Math.min(width / 5, height / 3.4) * (6 / (6 - Math.max(-5, Math.min(depth, 4))));
  return [width / 2 + across * scale, height / 2 - up * scale, depth, scale];
}

function mark(ctx, x, y, size, diamond) {
  ctx.beginPath();
  if (diamond) {
    ctx.moveTo(x, y - 1.4 * size); ctx.lineTo(x + 1.4 * size, y); ctx.lineTo(x, y + 1.4 * size); ctx.lineTo(x - 1.4 * size, y);
    ctx.closePath();
  } else ctx.arc(x, y, size, 0, 2 * Math.PI);
}

function draw() {
  const ratio = devicePixelRatio || 1, { width, height } = space.getBoundingClientRect();
  space.width = Math.round(width * ratio); space.height = Math.round(height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(space), ink = style.color;
  frame(width, height, ink);
  screen = shown.map((place) => project(place, width, height));
  const { marked, groups } = current(), n = marked.length;
  const size = Math.max(1.6, Math.min(5, 60 / Math.sqrt(n)));
  if (goal.checked && current().goal) {
    pen.strokeStyle = ink; pen.lineWidth = 0.7; pen.globalAlpha = 0.35;
    current().goal.forEach((place, i) => {
      const [x, y] = project(place, width, height);
      mark(pen, x, y, size, marked[i]); pen.stroke();
      if (n <= 500) { pen.beginPath(); pen.moveTo(x, y); pen.lineTo(screen[i][0], screen[i][1]); pen.stroke(); }
    });
    pen.globalAlpha = 1;
  }
  [...screen.keys()].sort((a, b) => screen[a][2] - screen[b][2]).forEach((i) => {
    const [x, y, depth] = screen[i];
    mark(pen, x, y, size * (1 + 0.12 * Math.max(-2, Math.min(depth, 2))), marked[i]);
    pen.fillStyle = data.groups[groups[i]].colour; pen.fill();
    if (marked[i]) { pen.strokeStyle = style.backgroundColor; pen.lineWidth = 1; pen.stroke(); }
  });
}

function frame(width, height, ink) {
  pen.strokeStyle = ink; pen.fillStyle = ink; pen.font = "12px sans-serif"; pen.lineWidth = 1;
  [[2.1, 0, 0], [0, 1.3, 0], [0, 0, 1.3]].forEach((end, i) => {
    const [x0, y0] = project(end.map((v) => -v), width, height), [x1, y1] = project(end, width, height);
    pen.globalAlpha = 0.3; pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke();
    pen.globalAlpha = 0.8;
    if (Math.hypot(x1 - x0, y1 - y0) > 40) pen.fillText(i + 1, x1 + 4, y1 - 4);
  });
  pen.globalAlpha = 1;
}

function go() {
  const end = target(), start = shown.length === end.length ? shown : end, begin = performance.now(), own = ++moving;
  caption.textContent = current().steps[step.value].caption;
  step.setAttribute("aria-valuetext", caption.textContent);
  axes.textContent = current().axes.map((name, i) => `${i + 1} ${name}`).join(" · ");
  const move = (now) => {
    const part = still ? 1 : Math.min(1, Math.max(0, (now - begin) / 350));
    shown = part === 1 ? end : end.map((place, i) => place.map((v, k) => start[i][k] + part * (v - start[i][k])));
    draw();
    if (part < 1 && own === moving) requestAnimationFrame(move);
  };
  move(still ? Infinity : begin);
}

function choose() {
  step.max = current().steps.length - 1;
  step.value = step.max;
  step.disabled = play.disabled = current().steps.length < 2;
  goal.disabled = !current().goal;
  go();
}

function stop() {
  clearInterval(timer); timer = null;
  play.textContent = "Play"; play.setAttribute("aria-pressed", "false");
}

play.addEventListener("click", () => {
  if (timer) return stop();
  if (step.value === step.max) step.value = 0;
  go();
  play.textContent = "Pause"; play.setAttribute("aria-pressed", "true");
  timer = setInterval(() => {
    if (step.value === step.max) return stop();
    step.value = Number(step.value) + 1;
    go();
  }, 800);
});
animation.addEventListener("change", () => { stop(); choose(); });
step.addEventListener("input", () => { stop(); go(); });
goal.addEventListener("change", draw);
addEventListener("resize", draw);

space.addEventListener("pointerdown", (event) => { drag = [event.clientX, event.clientY]; space.setPointerCapture(event.pointerId); });
space.addEventListener("pointerup", () => { drag = null; });
space.addEventListener("pointermove", (event) => {
  if (drag) {
    turn += (event.clientX - drag[0]) / 150;
    tilt = Math.max(-1.57, Math.min(1.57, tilt + (event.clientY - drag[1]) / 150));
    drag = [event.clientX, event.clientY];
    return draw();
  }
  const box = space.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const away = screen.map(([px, py]) => Math.hypot(px - x, py - y)), nearest = away.indexOf(Math.min(...away));
  point.textContent = away[nearest] < 12 ? `${current().names[nearest]}, ${data.groups[current().groups[nearest]].name}` : "";
});
space.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom = Math.max(0.2, Math.min(20, zoom * Math.exp(-event.deltaY / 600)));
  draw();
}, { passive: false });
space.addEventListener("keydown", (event) => {
  const keys = {
    ArrowLeft: () => { turn -= 0.1; }, ArrowRight: () => { turn += 0.1; },
    ArrowUp: () => { tilt = Math.max(-1.57, tilt - 0.1); }, ArrowDown: () => { tilt = Math.min(1.57, tilt + 0.1); },
    "+": () => { zoom = Math.min(20, zoom * 1.15); }, "-": () => { zoom = Math.max(0.2, zoom / 1.15); },
    0: () => { turn = tilt = 0; zoom = 1; },
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
  draw();
});

document.querySelectorAll("#legend canvas").forEach((swatch, i) => {
  const ctx = swatch.getContext("2d"), { colour, marked } = data.groups[i];
  mark(ctx, 7, 7, 4.5, marked);
  ctx.fillStyle = colour; ctx.fill();
});
choose();
