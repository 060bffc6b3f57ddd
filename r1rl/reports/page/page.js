// Shared functions, and all sections except the table of completions and the history.
// Text of a model only goes through `element` and `textContent`: it is shown, never parsed as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const several = data.runs.length > 1;
const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.map((child) => (child instanceof Node ? child : printable(String(child)))));
  return made;
}

// Control and direction characters become visible escapes, so that no text can look like another.
function printable(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function table(head, rows) {
  const cells = (name, row) => element("tr", {}, ...row.map((cell, i) =>
    element(name, i ? { class: "number" } : {}, cell === null ? "" : cell)));
  return element("table", {}, element("thead", {}, cells("th", head)), element("tbody", {}, ...rows.map((r) => cells("td", r))));
}

function showHead() {
  byId("title").append(printable(data.runs.map((run) => run.name).join(" and ")));
  byId("state").append(printable(data.runs.map((run) => `${several ? run.name + ": " : ""}${run.state}; recipe ${run.settings.recipe}, model ${run.settings.model_name}, task ${run.settings.dataset_name}, seed ${run.settings.seed}`).join(" · ")));
  for (const run of data.runs) showLearned(run);
  for (const words of data.against) {
    byId("learned").append(element("div", { class: "card against" }, element("div", { class: "what" }, "paired test of the last evaluations"), words));
  }
  for (const run of data.runs) for (const words of run.damaged) byId("learned").append(element("p", { class: "wrong" }, `${run.name}: ${words}`));
}

// "before 83 / 200, 41.5 %, ..." becomes a card with 41.5 % in large figures.
function showLearned(run) {
  if (several) byId("learned").append(element("h2", {}, run.name));
  const cards = element("div", { class: "cards" });
  for (const [what, , words] of run.learned) {
    const rest = words.trim();
    const score = /^[\d,]+ \/ [\d,]+, ([\d.]+ %)/.exec(rest) || /pass@1 ([\d.]+%)/.exec(rest);
    const name = what || "difference";
    const change = ["difference", "slope"].includes(name) && /^[+-][\d.]+ points/.exec(rest);
    const big = score ? score[1] : change ? change[0] : "";
    cards.append(element("div", { class: "card" }, element("div", { class: "what" }, name),
      ...(big ? [element("div", { class: "big" }, big)] : []), element("div", { class: "rest" }, rest)));
  }
  byId("learned").append(cards);
}

// Vega's colours are names of the style sheet, so that light, dark and print need no second drawing.
const look = {
  background: null, font: "system-ui, sans-serif", view: { stroke: null }, padding: { left: 0, right: 8, top: 6, bottom: 6 },
  axis: { labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--grid)", domainColor: "var(--edge)", tickColor: "var(--edge)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
  legend: { labelColor: "var(--text)", titleColor: "var(--soft)", labelFontSize: 12, symbolStrokeWidth: 2.5 },
};

async function showCharts() {
  for (const chart of data.charts) {
    const place = element("div", { class: "chart" });
    const head = [...(several ? ["run"] : []), "series", "step", "value", "from", "to", "n"];
    const rows = chart.rows.map((row) => (several ? row : row.slice(1)));
    const numbers = element("details", {}, element("summary", {}, "numbers"));
    numbers.addEventListener("toggle", () => { // made on demand
      if (numbers.open && numbers.children.length === 1) numbers.append(element("div", { class: "scroll" }, table(head, rows)));
    });
    const caption = element("figcaption", {}, element("h3", {}, chart.title), element("span", { class: "note" }, chart.note));
    byId("charts").append(element("figure", { id: `chart-${chart.key}` }, caption, place, numbers));
    const spec = { ...chart.spec, description: `${chart.title}. ${chart.note} The numbers are in the table below.` };
    await window.vegaEmbed(place, spec, { actions: false, ast: true, renderer: "svg", config: look, tooltip: { theme: "custom" } });
  }
}

function showTable(place, run, label, head, rows) {
  if (several) place.append(element("h3", {}, run.name));
  place.append(element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, table(head, rows)));
}

// Only mixtures have tasks; on other pages the section is removed.
function showTasks() {
  const mixtures = data.runs.filter((run) => run.tasks.length);
  for (const run of mixtures) showTable(byId("task-tables"), run, "Accuracy by task", run.tasks[0], run.tasks.slice(1));
  if (!mixtures.length) byId("by-task").remove();
}

function showPhases() {
  for (const run of data.runs) showTable(byId("phases"), run, "Self-verification by phase", ["", ...run.selfcheck.head], run.selfcheck.rows);
}

function showSettings() {
  for (const run of data.runs) {
    const list = element("dl");
    for (const [key, value] of Object.entries(run.settings)) {
      list.append(element("dt", {}, key), element("dd", {}, typeof value === "string" ? value : JSON.stringify(value)));
    }
    byId("run-settings").append(element("details", several ? {} : { open: "" }, element("summary", {}, run.name), list));
  }
}
