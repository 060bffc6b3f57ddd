// Tokens of a completion, coloured by surprise or by the gap between sampler and trainer.
const colour = () => byId("f-colour").value; // "", "surprise" or "gap"
const coloured = new WeakMap(); // a text that can be coloured -> its row

// The text of a row: its tokens in colour, or with its self-check marked.
function textOf(row) {
  const made = element("pre", {}, ...pieces(row));
  if (row.numbers) coloured.set(made, row);
  return made;
}

function pieces(row) {
  const points = [...row.text]; // Python counts code points
  const part = (from, to) => points.slice(from, to).join("");
  const values = row.numbers && valuesOf(row.numbers, colour());
  if (values) {
    let place = row.numbers.start;
    const made = [part(0, place)];
    bytes(row.numbers.lengths).forEach((length, i) => {
      if (length) made.push(token(part(place, place + length), values[i], i, row.numbers));
      place += length;
    });
    return made;
  }
  if (!row.check) return [row.text];
  const [from, to] = row.check;
  return [part(0, from), element("mark", {}, part(from, to)), part(to)];
}

function token(text, value, number, numbers) {
  const level = data.scales[colour()].bounds.filter((bound) => value >= bound).length;
  const logprob = halves(numbers.logprobs)[number];
  const gap = numbers.gaps ? `, gap ${halves(numbers.gaps)[number].toPrecision(2)}` : "";
  const title = `token ${number + 1}: probability ${(100 * Math.exp(logprob)).toPrecision(3)} %, logprob ${logprob.toFixed(3)}${gap}`;
  return element("span", { class: `t${level}`, title }, text);
}

// What the tokens are coloured by, in nats from 0 on; null if it is not known.
function valuesOf(numbers, by) {
  if (by === "surprise") return halves(numbers.logprobs).map((logprob) => -logprob);
  return by === "gap" && numbers.gaps ? halves(numbers.gaps).map(Math.abs) : null;
}

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const decoded = new Map();

function halves(text) {
  if (!decoded.has(text)) {
    const view = new DataView(bytes(text).buffer);
    decoded.set(text, Array.from({ length: view.byteLength / 2 }, (_, i) => half(view.getUint16(2 * i, true))));
  }
  return decoded.get(text);
}

// A float16 (IEEE 754) from its bits.
function half(bits) {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? Infinity : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

function fillColours() {
  const numbers = data.runs.flatMap((run) => [...run.samples, ...run.pairs.flat()]).map((row) => row.numbers).filter(Boolean);
  const known = ["surprise", "gap"].filter((by) => numbers.some((found) => by === "surprise" || found.gaps));
  byId("f-colour").append(...known.map((by) => element("option", { value: by }, by === "gap" ? "gap to the trainer" : by)));
  byId("f-colour").parentElement.hidden = known.length === 0;
}

// Colours every open text again, and says what the colours mean.
function showColours() {
  for (const pre of document.querySelectorAll("pre")) if (coloured.has(pre)) pre.replaceChildren(...pieces(coloured.get(pre)).map(node));
  const scale = data.scales[colour()];
  document.body.dataset.colour = colour();
  for (const legend of document.querySelectorAll(".legend")) {
    legend.hidden = !scale;
    if (scale) legend.replaceChildren(`${scale.about}: `, ...scale.labels.flatMap((label, i) => [element("span", { class: `t${i}` }, label), " "]), "(a completion without these numbers has no colours)");
  }
}

const node = (child) => (child instanceof Node ? child : document.createTextNode(printable(child)));
